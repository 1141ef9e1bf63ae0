"""Owners of `ayni.standing` on the real bus, to be stalled, cut off and followed by others; and a look at what they committed.

Load-bearing: whatever a test concludes is read from what was committed (outbox, standing, told_pairs), never from what an owner believes.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg

from contracts.envelope import Event
from contracts.listings import DealFact
from contracts.topics import STANDING, dead_letters_of
from kit.bus import Message, Record, TopicPartition
from kit.bus_postgres import PostgresBus
from kit.consumer import ConsumerLoop
from services.matching.bucket import Rulebook
from services.matching.ownership import Ownership
from services.matching.reactions import StandingHandler
from services.matching.repository import Point, no_point
from tests.patience import PATIENCE_SECONDS, until_found
from tests.unit.matching.trading import NOW, RULEBOOK, partitions_of

Told = Counter[tuple[tuple[UUID, UUID], UUID]]
CUT_OFF = "select pg_terminate_backend(pid, 10000) from bus.members where member = $1"
MATCH_EVENTS = "select headers->>'ce_type' as kind, value from outbox where headers->>'ce_type' like 'pe.ayni.match.%' order by id"


def as_role(dsn: str, role: str) -> str:
    """The same database for another role, whose password is its name."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:{role}@{parts.netloc.rpartition('@')[2]}"))


class Stall:
    """A point where an owner stands still until it is let go. Elsewhere, and afterwards, it passes by."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.reached, self.let_go = asyncio.Event(), asyncio.Event()

    async def __call__(self, point: str) -> None:
        if point == self.where:
            self.reached.set()
            await self.let_go.wait()


@dataclass
class Owner:
    """A process that matches, as far as `ayni.standing` and the database can tell. outcomes: of each batch, None or the error."""

    ownership: Ownership
    handler: StandingHandler
    freezes: bool = False
    outcomes: list[BaseException | None] = field(default_factory=list)
    has_outcome: asyncio.Event = field(default_factory=asyncio.Event)
    has_partitions: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """The listener of the bus."""
        await self.ownership.assigned(partitions)
        self.has_partitions.set()

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """The listener of the bus."""
        await self.ownership.revoked(partitions)

    async def handle(self, source: TopicPartition, records: Sequence[Record]) -> None:
        """freezes: after its first batch it does nothing any more."""
        outcome: BaseException | None = None
        try:
            await self.handler(source, records)
        except BaseException as error:
            outcome = error
            raise
        finally:
            self.outcomes.append(outcome)
            self.has_outcome.set()
            if self.freezes:
                await asyncio.Event().wait()

    async def end(self) -> None:
        """Harmless when repeated."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])


@dataclass
class Standing:
    """What the tests see and do."""

    dsn: str
    bus: PostgresBus
    pool: asyncpg.Pool[Any]
    stack: AsyncExitStack

    async def owner(
        self, address: str, *, at: Point = no_point, rulebook: Rulebook = RULEBOOK, is_fenced: bool = True, freezes: bool = False
    ) -> Owner:
        """One more member of the group; it has partitions when this returns."""
        pool = await self.stack.enter_async_context(asyncpg.create_pool(self.dsn, min_size=1, max_size=4))
        self.stack.push_async_callback(_terminate, pool)
        bus = PostgresBus(self.dsn, session_timeout_seconds=30)
        await bus.start()
        self.stack.push_async_callback(bus.stop)
        ownership = Ownership(pool, rulebook, address)
        handler = StandingHandler(pool, ownership, lambda: NOW, at)
        handler.is_fenced = is_fenced
        owner = Owner(ownership, handler, freezes)
        loop = ConsumerLoop(
            bus, "matching", [STANDING], owner.handle, listener=owner, dead_letter_topic=dead_letters_of("matching"), drain_seconds=0.2
        )
        owner.task = asyncio.create_task(loop.run())
        self.stack.push_async_callback(owner.end)
        await asyncio.wait_for(owner.has_partitions.wait(), PATIENCE_SECONDS)
        return owner

    async def cut_off(self) -> None:
        """Ends every present member's session, as peers do to one that gives no sign of life."""
        for row in await self.pool.fetch("select member from bus.members"):
            await self.pool.fetchval(CUT_OFF, row["member"])

    async def publish(self, *events: Event, partitions: Iterable[int] | None = None) -> None:
        """As the relay of listings does: once a partition concerned."""
        batch = [
            self.message(event, number) for event in events for number in sorted(partitions_of(event) if partitions is None else partitions)
        ]
        await self.bus.publish(batch)

    def message(self, event: Event, partition: int, value: bytes | None = None) -> Message:
        """As the relay of listings sends it; or with another value."""
        return Message(STANDING, partition, event.key, event.headers(), event.value() if value is None else value)

    async def end(self, partition: int) -> int:
        """How many records the partition has had."""
        query = "select next_position from bus.partitions where topic = $1 and partition = $2"
        return int(await self.pool.fetchval(query, STANDING, partition))

    async def handled(self) -> None:
        """Waits until everything published has been handled and committed to the group."""
        query = (
            "select count(*) from bus.partitions part left join bus.offsets done on done.topic = part.topic"
            " and done.partition = part.partition and done.consumer_group = 'matching'"
            " where part.topic = $1 and part.next_position > coalesce(done.position, 0) and exists"
            " (select 1 from bus.log where log.topic = part.topic and log.partition = part.partition)"
        )

        async def is_done() -> bool:
            return not await self.pool.fetchval(query, STANDING)

        await until_found(is_done, "everything published is handled")

    async def committed(self, *events: Event) -> None:
        """Waits until these listings stand, committed, at these versions or later, wherever they were sent; and deals are kept."""
        for event in events:
            for number in partitions_of(event):
                await until_found(lambda event=event, number=number: self._has(event, number), f"{event.TYPE} is committed")  # type: ignore[misc]

    async def _has(self, event: Event, partition: int) -> bool:
        if isinstance(event.data, DealFact):
            query = "select version >= $1 from answers where deal_id = $2"
            return bool(await self.pool.fetchval(query, event.version, event.data.id))
        query = "select version >= $1 from standing where listing_id = $2 and partition = $3"
        return bool(await self.pool.fetchval(query, event.version, UUID(event.subject), partition))

    async def match_events(self) -> list[tuple[str, dict[str, Any]]]:
        """What matching has said, in the order in which the relay will send it."""
        return [(row["kind"], json.loads(row["value"])) for row in await self.pool.fetch(MATCH_EVENTS)]

    async def told(self) -> Told:
        """How often each organisation was told of each pair."""
        said = [fact for kind, fact in await self.match_events() if kind == "pe.ayni.match.proposed.v1"]
        return Counter(((UUID(fact["offer_id"]), UUID(fact["want_id"])), UUID(one)) for fact in said for one in fact["told"])

    async def lapsed(self) -> Counter[tuple[UUID, UUID]]:
        """How often each pair has lapsed."""
        said = [fact for kind, fact in await self.match_events() if kind == "pe.ayni.match.lapsed.v1"]
        return Counter((UUID(fact["offer_id"]), UUID(fact["want_id"])) for fact in said)


async def _terminate(pool: asyncpg.Pool[Any]) -> None:
    pool.terminate()


async def open_standing(dsn: str, stack: AsyncExitStack) -> Standing:
    """Everything is closed with the stack."""
    pool = await stack.enter_async_context(asyncpg.create_pool(dsn, min_size=1, max_size=4))
    bus = PostgresBus(dsn)
    await bus.start()
    stack.push_async_callback(bus.stop)
    return Standing(dsn, bus, pool, stack)
