"""A topic as it stands, once it holds what was acknowledged: a transaction that is answered for may not be readable yet."""

from __future__ import annotations

import asyncio

from kit.bus import Bus, Record
from tests.patience import PATIENCE_SECONDS


async def browsed(bus: Bus, topic: str, count: int) -> list[Record]:
    """All of it, as soon as so many records are in it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(records := [record async for record in bus.browse(topic)]) < count:
            pass
    return records
