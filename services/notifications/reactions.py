"""What follows from which event: one table, `REACTIONS`, and the consumer that applies it.

Every event of the four public topics goes into the feed; those named here also make notices. Who hears what: matching.md, sections 5 and 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from contracts.catalogue import Catalogue
from contracts.envelope import Event, read_event
from contracts.listings import DealAgreed, DealDeclined, DealEvent, DealFact, DealOffered, DealReleased, DealVoided
from contracts.matching import Cause, MatchFact, MatchProposed
from contracts.notifications import NoticeKind, Subject
from kit.bus import Record, TopicPartition
from kit.clock import Clock
from services.notifications import texts
from services.notifications.feed import entry_of
from services.notifications.repository.feed import Pool
from services.notifications.service import Moment, gather_telling, pair_of, side_of, take_into_feed, tell
from services.notifications.texts import DealText

Reaction = Callable[[Moment, Any], Awaitable[None]]
Hearers = Callable[[DealFact], tuple[UUID, ...]]


def the_other_side(deal: DealFact) -> tuple[UUID, ...]:
    """Who has not accepted yet."""
    return tuple(side for side in deal.parties if side not in deal.accepted_by)


def both_sides(deal: DealFact) -> tuple[UUID, ...]:
    """The holders of offer and want."""
    return deal.parties


def who_had_accepted(deal: DealFact) -> tuple[UUID, ...]:
    """Whose acceptance this ended, but for the side that ended it."""
    return tuple(side for side in deal.had_accepted if side != deal.answered_by)


def deal_notice(kind: NoticeKind, hearers: Hearers, text: DealText) -> Reaction:
    """A reaction that tells some sides of a deal."""

    async def react(moment: Moment, event: DealEvent) -> None:
        deal = event.data
        for side in hearers(deal):
            await tell(moment, kind, side, Subject(type="deal", id=str(deal.id)), event.version, text(deal, moment.catalogue))

    return react


async def tell_standing_side(moment: Moment, event: MatchProposed) -> None:
    """One notice a match to the holder of the listing that stood already, if it was told."""
    match = event.data
    cause_side = side_of(match, cause_of(match))
    holder = match.parties[1] if cause_side == "offer" else match.parties[0]
    if holder in match.told:
        side: texts.Side = "want" if cause_side == "offer" else "offer"
        text = texts.match_proposed(side, pair_of(match), moment.catalogue)
        await tell(moment, "match.proposed", holder, Subject(type="match", id=match.id), event.version, text)


async def gather_for_cause(moment: Moment, event: MatchProposed) -> None:
    """One notice a ranking to the holder of the listing that caused it, when all of its events are in."""
    match, cause = event.data, cause_of(event.data)
    holder = match.parties[0] if side_of(match, cause) == "offer" else match.parties[1]
    await gather_telling(moment, match, cause, holder)


def cause_of(match: MatchFact) -> Cause:
    """Of a proposed match. Raises ValueError where there is none."""
    if match.cause is None:
        raise ValueError(f"the proposal of {match.id} names no cause")
    return match.cause


REACTIONS: Mapping[type[Event], tuple[Reaction, ...]] = MappingProxyType(
    {
        MatchProposed: (tell_standing_side, gather_for_cause),
        DealOffered: (deal_notice("deal.offered", the_other_side, texts.deal_offered),),
        DealAgreed: (deal_notice("deal.agreed", both_sides, texts.deal_agreed),),
        DealDeclined: (deal_notice("deal.declined", who_had_accepted, texts.deal_declined),),
        DealVoided: (deal_notice("deal.voided", who_had_accepted, texts.deal_voided),),
        DealReleased: (deal_notice("deal.released", both_sides, texts.deal_released),),
    }
)
EVEN_IF_LATE: frozenset[type[Event]] = frozenset({MatchProposed})


class Intake:
    """Handles the records of the public topics: feed and notices in one transaction a batch.

    One batch at a time in this process: the head row lets no more through, and those that wait would hold every connection.
    """

    def __init__(self, pool: Pool, catalogue: Catalogue, clock: Clock) -> None:
        self._pool, self._catalogue, self._clock = pool, catalogue, clock
        self._turn = asyncio.Lock()

    async def __call__(self, partition: TopicPartition, records: Sequence[Record]) -> None:
        """Raises ValueError or UnknownEventTypeError for a record that can never be taken."""
        events = {event.id: event for event in (read_event(dict(record.headers), record.value) for record in records)}
        entries = [entry_of(event, self._catalogue) for event in events.values()]
        async with self._turn, self._pool.acquire() as connection, connection.transaction():
            moment = Moment(connection, self._catalogue, self._clock())
            found = await take_into_feed(connection, entries, moment.now)
            told = [events[entry.event_id] for entry in found.new]
            late = [event for event in (events[entry.event_id] for entry in found.late) if type(event) in EVEN_IF_LATE]
            for event in told + late:
                for react in REACTIONS.get(type(event), ()):
                    await react(moment, event)
