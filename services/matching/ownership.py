"""Who owns which partition: taken by raising its epoch before its market is rebuilt (design.md, Fencing).

Load-bearing: the order. Epoch first, then the rebuild reads; so whatever a former owner could still commit is committed, and read. A
process that cannot tell whether its own commit came through is a former owner too: it takes the partition anew.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

import asyncpg
import structlog

from kit.bus import TopicPartition
from services.matching.bucket import NewerCatalogueError, Rulebook
from services.matching.market import Fact, Market
from services.matching.owners import Owners
from services.matching.repository import stored_market

log = structlog.get_logger()
PATIENCE_SECONDS = 1.0  # how long an effect of the former owner may finish before its backend is ended
FACTS_AT_ONCE = 200  # go into an index between two turns of the loop, which has heartbeats to send
RAISE = """
insert into partition_owner as mine (partition, epoch, address, is_ready) values ($1, 1, $2, false)
on conflict (partition) do update set epoch = mine.epoch + 1, address = excluded.address, is_ready = false
returning epoch
"""
READY = "update partition_owner set is_ready = true where partition = $1 and epoch = $2"
IS_MINE = "select epoch = $2 and address = $3 from partition_owner where partition = $1"


class Ownership:
    """The partitions of this process, and their markets. A listener of the bus: told of what it is given, and of what is taken.

    given: what the bus says is ours; turns: whoever changes a partition's market, or replaces it, has its turn."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], rulebook: Rulebook, address: str) -> None:
        self.pool, self.rulebook, self.address = pool, rulebook, address
        self.epochs: dict[int, int] = {}
        self.markets: dict[int, Market] = {}
        self.given: set[int] = set()
        self.turns: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._resting: dict[int, Market] = {}
        self.owners = Owners(pool)
        self.has_changed = asyncio.Condition()

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Owns them all. A market with materials of a newer catalogue is left alone: its records wait, those of other partitions do not."""
        for number in sorted(one.partition for one in partitions):
            try:
                async with self.turns[number]:
                    await self.take(number)
            except NewerCatalogueError as error:
                log.warning("a partition waits for an upgrade", partition=number, cause=str(error))
            self.given.add(number)

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Its market stays in memory: if the row still has our epoch when the partition comes back, nobody has written since."""
        for number in (one.partition for one in partitions):
            self.given.discard(number)
            market = self.markets.pop(number, None)
            if market is not None:
                self._resting[number] = market
        await self.wake()

    async def retake(self, partition: int) -> None:
        """Takes a partition anew that the bus gave us and the table has no longer as ours; between two batches."""
        async with self.turns[partition]:
            if partition in self.given:
                self.spoil(partition)
                await self.take(partition)
            if partition not in self.given:
                self.markets.pop(partition, None)  # it was revoked meanwhile

    async def take(self, partition: int) -> Market:
        """Owns the partition and its market, whoever had it before. Whoever calls this has the partition's turn."""
        resting = self._resting.pop(partition, None)
        if resting is None or not await self._is_still_mine(partition):
            self.epochs[partition] = await raise_epoch(self.pool, partition, self.address)
            resting = await self._rebuilt(partition)
        self.markets[partition] = resting
        self.owners.forget()
        await self.wake()
        return resting

    async def _is_still_mine(self, partition: int) -> bool:
        return bool(await self.pool.fetchval(IS_MINE, partition, self.epochs.get(partition, 0), self.address))

    async def _rebuilt(self, partition: int) -> Market:
        """The market from its own tables; then reads may be answered from it."""
        market = Market(partition, self.rulebook)
        async with self.pool.acquire() as connection:
            stored = await stored_market(connection, partition)
            await _fill(market, stored.facts)
            for key, told in stored.told.items():
                market.keep_told(key, told)
            for pair, answer in stored.answers.items():
                market.keep_answer(pair, answer)
            market.begin_batch()
            await connection.execute(READY, partition, self.epochs[partition])
        return market

    def spoil(self, partition: int) -> None:
        """Whether what is in memory was committed, nobody knows: the next use takes the partition anew."""
        self.markets.pop(partition, None)
        self._resting.pop(partition, None)

    async def market(self, partition: int) -> Market:
        """The market of an owned partition, taken anew if it was spoilt."""
        return self.markets.get(partition) or await self.take(partition)

    async def proven(self, partition: int) -> Market | None:
        """The market of a partition that is ours by the table, too; None where another has taken it, or while it is rebuilt."""
        rows = await self.owners.rows()
        for number in [one for one in self._resting if one in rows and rows[one].epoch != self.epochs[one]]:
            del self._resting[number]  # another has it: it will never be taken up again
        row = rows.get(partition)
        is_ours = row is not None and (row.epoch, row.address) == (self.epochs.get(partition), self.address)
        return self.markets.get(partition) if is_ours else None

    async def change(self, seconds: float) -> None:
        """Waits until something changes here, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self.has_changed:
                await self.has_changed.wait()

    async def wake(self) -> None:
        """Readers that wait for a listing or an owner look again."""
        async with self.has_changed:
            self.has_changed.notify_all()


async def _fill(market: Market, facts: Iterable[Fact]) -> None:
    for number, fact in enumerate(facts):
        market.rulebook.check_known(fact)
        market.take(fact)
        if number % FACTS_AT_ONCE == 0:
            await asyncio.sleep(0)


async def raise_epoch(pool: asyncpg.Pool[asyncpg.Record], partition: int, address: str) -> int:
    """The next epoch. A former owner that holds the row longer than a second is ended: time-outs do not fire inside COPY."""
    async with pool.acquire() as connection:
        pid = connection.get_server_pid()
        raising = asyncio.ensure_future(connection.fetchval(RAISE, partition, address))
        try:
            while not (await asyncio.wait([raising], timeout=PATIENCE_SECONDS))[0]:
                await _end_blockers(pool, pid)
        except BaseException:
            raising.cancel()  # the connection goes back to its pool with nothing running on it
            await asyncio.wait([raising])
            raise
        epoch: int = await raising
        return epoch


async def _end_blockers(pool: asyncpg.Pool[asyncpg.Record], pid: int) -> None:
    ended = await pool.fetch("select blocker, pg_terminate_backend(blocker) from unnest(pg_blocking_pids($1)) as blocker", pid)
    log.warning("ended a former owner's transactions", backends=[row["blocker"] for row in ended])
