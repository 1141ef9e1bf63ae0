"""What matching does with the events of `ayni.standing`: one transaction a batch of one partition.

Load-bearing: the order inside `_handle`: fence, inbox, memory, tables, outbox, commit. What fails before the commit is undone in memory;
where the commit itself fails nobody knows what was committed, and the partition is taken anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any
from uuid import UUID

import asyncpg

from contracts.envelope import Event, read_event
from contracts.listings import DealEvent, DealFact, OfferEvent, WantEvent
from contracts.matching import MatchFact
from contracts.topics import MATCHES
from kit import telemetry
from kit.bus import Record, TopicPartition
from kit.clock import Clock
from kit.consumer import FencedError
from kit.inbox import unseen
from kit.outbox import Route
from kit.tracing import following
from services.matching import repository
from services.matching.bucket import NewerCatalogueError
from services.matching.market import Fact, KeptAnswer, Market, PairKey
from services.matching.ownership import Ownership
from services.matching.repository import Point, no_point
from services.matching.telling import settle_told, tell

ROUTES = (Route(MATCHES),)


@dataclass(slots=True)
class Effects:
    """What a batch changes, gathered while the memory changes, written when it is whole."""

    facts: dict[UUID, Fact] = field(default_factory=dict)
    told: set[PairKey] = field(default_factory=set)
    answers: dict[PairKey, KeptAnswer] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


def hear_listing(market: Market, event: Event, effects: Effects, clock: Clock) -> None:
    """A listing as it is now: into the index, then who is to be told, then which told pairs have lapsed."""
    fact: Any = event.data
    if market.has_passed(fact):
        return
    market.take(fact)
    effects.facts[fact.id] = fact
    told = tell(market, fact, clock())
    _note(effects, told)
    _settle(market, market.pairs_of.get(fact.id, set()) - {_pair_of(event) for event in told}, effects, clock)  # those just told are open


def hear_deal(market: Market, event: Event, effects: Effects, clock: Clock) -> None:
    """What was answered to a pair: lists and telling read it; a pair whose answers are void may have lapsed meanwhile."""
    deal = event.data
    assert isinstance(deal, DealFact)
    key, answer = (deal.offer_id, deal.want_id), KeptAnswer.of(deal)
    if market.keep_answer(key, answer):
        effects.answers[key] = answer
        _settle(market, [key], effects, clock)


REACTIONS: dict[type[Event], Callable[[Market, Event, Effects, Clock], None]] = {
    OfferEvent: hear_listing,
    WantEvent: hear_listing,
    DealEvent: hear_deal,
}


def _settle(market: Market, keys: Iterable[PairKey], effects: Effects, clock: Clock) -> None:
    lapsed, returned = settle_told(market, keys, clock())
    _note(effects, lapsed)
    effects.told.update(returned)


def _note(effects: Effects, events: list[Event]) -> None:
    effects.events += events
    effects.told.update(map(_pair_of, events))


def _pair_of(event: Event) -> PairKey:
    assert isinstance(event.data, MatchFact)
    return event.data.offer_id, event.data.want_id


def react(market: Market, event: Event, effects: Effects, clock: Clock) -> None:
    """The reaction to this event's class. Raises LookupError for one that has none: it belongs to the dead letters."""
    for kind, reaction in REACTIONS.items():
        if isinstance(event, kind):
            return reaction(market, event, effects, clock)
    raise LookupError(f"{event.TYPE} is nothing that matching reacts to")


class StandingHandler:
    """Handles the records of owned partitions. `at` names the places where two writes meet, for tests that stall or kill there."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], ownership: Ownership, clock: Clock, at: Point = no_point) -> None:
        self.pool, self.ownership, self.clock, self.at = pool, ownership, clock, at
        self.is_fenced = True

    async def __call__(self, source: TopicPartition, records: Sequence[Record]) -> None:
        """Raises FencedError where the partition was lost, NewerCatalogueError where it waits for an upgrade (what comes before that is
        done), ValueError for a record that cannot be read, LookupError for one of a type that this release does not know."""
        events = [read_event(dict(record.headers), record.value) for record in records]
        readable = list(takewhile(lambda event: not self.ownership.rulebook.is_ahead(event.data), events))
        if readable:
            await self._take(source.partition, readable)
        if len(readable) < len(events):
            raise NewerCatalogueError(f"{events[len(readable)].TYPE} {events[len(readable)].id} rests on a newer catalogue")

    async def _take(self, partition: int, events: list[Event]) -> None:
        async with self.ownership.turns[partition]:
            await self._take_batch(partition, events)
        await self.ownership.wake()

    async def _take_batch(self, partition: int, events: list[Event]) -> None:
        market = await self.ownership.market(partition)
        market.begin_batch()
        is_whole = False
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                await self._handle(connection, market, events)
                await self.at("before_commit")
                is_whole = True
        except BaseException:
            if is_whole:
                self.ownership.spoil(partition)
            else:
                market.undo()
            raise

    async def _handle(self, connection: repository.Connection, market: Market, events: list[Event]) -> None:
        partition = market.partition
        await self.at("before_fence")
        if self.is_fenced:
            await self._fence(connection, partition)
        new = await unseen(connection, f"standing/{partition}", [event.id for event in events])
        effects = Effects()
        for event in events:
            if event.id in new:
                with telemetry.correlated(event.correlation_id), following(event.traceparent, f"match {event.TYPE}"):
                    react(market, event, effects, self.clock)
                await asyncio.sleep(0)  # ranking takes the processor: between two listings others have their turn
        await self._write(connection, market, effects)

    async def _fence(self, connection: repository.Connection, partition: int) -> None:
        epoch = self.ownership.epochs.get(partition)
        if epoch is None:
            raise FencedError(f"partition {partition} was never ours")
        await repository.fence(connection, partition, epoch)

    async def _write(self, connection: repository.Connection, market: Market, effects: Effects) -> None:
        partition = market.partition
        if effects.facts:
            await repository.keep_standing(connection, partition, list(effects.facts.values()))
        if effects.answers:
            await repository.keep_answers(connection, partition, list(effects.answers.items()))
        if effects.told:
            await repository.keep_told(connection, partition, [(key, market.told[key]) for key in sorted(effects.told)])
        await repository.publish(connection, [(event, ROUTES) for event in effects.events], self.at)
