"""A group member in a process of its own, to be stopped and killed.

Arguments: the bus's specification as JSON, the group, the topic. It polls until it has records, prints their positions as one JSON line
(`{"0": [0, 1]}` by partition), then waits for a word on stdin: `commit` commits them and prints `committed` or the error's name.
"""

from __future__ import annotations

import asyncio
import json
import sys

from bus_adapters import open_bus

from kit.bus import CommitFailedError
from kit.telemetry import configure_logging


async def main(specification: str, group: str, topic: str) -> None:
    """Poll once with success, commit when told. The log goes to stderr: stdout is for the test."""
    configure_logging()
    bus = open_bus(json.loads(specification))
    await bus.start()
    consumer = bus.consumer(group, [topic])
    await consumer.start()
    while not (found := await consumer.poll(1.0, 500)):
        pass
    _say(json.dumps({str(one.partition): [record.position for record in records] for one, records in found.items()}))
    while (await asyncio.to_thread(sys.stdin.readline)).strip() == "commit":
        try:
            await consumer.commit({one: records[-1].position + 1 for one, records in found.items()})
            _say("committed")
        except CommitFailedError as error:
            _say(type(error).__name__)
    await consumer.stop()
    await bus.stop()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
