"""A relay in a process of its own, to be stopped and killed. Arguments: the service's DSN, its name, stalled_seconds; Kafka's servers where
it is to publish there."""

from __future__ import annotations

import asyncio
import sys

import asyncpg

from kit.bus_kafka import KafkaBus, KafkaTimeouts
from kit.bus_postgres import PostgresBus
from kit.relay import Relay
from kit.telemetry import configure_logging


async def main(dsn: str, service: str, stalled_seconds: str, servers: str = "") -> None:
    """Relay until killed."""
    configure_logging()
    bus = KafkaBus(servers, timeouts=KafkaTimeouts(send_seconds=float(stalled_seconds) / 2)) if servers else PostgresBus(dsn)
    await bus.start()
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        stalled = float(stalled_seconds)
        await Relay(pool, bus, service, batch_size=20, stalled_seconds=stalled, publish_seconds=stalled / 2, poll_seconds=0.2).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
