"""Who answers for a partition: the rows of `partition_owner`, looked at again when they are older than a second.

Load-bearing: the age is counted from before the look, on a clock that goes on while the process stands still; so a process that was
stopped for a while does not answer from what it believed before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

FRESH_SECONDS = 1.0
OWNERS = "select partition, epoch, address, is_ready from partition_owner"


@dataclass(frozen=True, slots=True)
class Owner:
    """A row: the epoch that began last, and the address of the process that began it; is_ready: its market is rebuilt."""

    epoch: int
    address: str
    is_ready: bool


class Owners:
    """The table, as it was at most a second ago."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._rows: Mapping[int, Owner] = {}
        self._seen_at = float("-inf")
        self._turn = asyncio.Lock()

    async def of(self, partition: int) -> Owner | None:
        """None where nobody has ever owned it."""
        return (await self.rows()).get(partition)

    async def rows(self) -> Mapping[int, Owner]:
        """By partition."""
        async with self._turn:  # many who ask at once look once
            now = asyncio.get_running_loop().time()
            if now - self._seen_at >= FRESH_SECONDS:
                found = await self._pool.fetch(OWNERS)
                self._rows = {row["partition"]: Owner(row["epoch"], row["address"], row["is_ready"]) for row in found}
                self._seen_at = now
            return self._rows

    def forget(self) -> None:
        """The next to ask looks anew: what is known turned out to be old."""
        self._seen_at = float("-inf")
