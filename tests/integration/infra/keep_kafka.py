"""A parent to be killed: starts a broker over the folder it is given, says which process the broker is, and waits."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from infra.kafka import KafkaCluster


async def main(folder: Path) -> None:
    cluster = KafkaCluster(folder)
    await cluster.start()
    sys.stdout.write(f"{cluster.brokers[0].pid}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main(Path(sys.argv[1])))
