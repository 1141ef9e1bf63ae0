"""What follows from which event: a table, `HEARD`, and the consumer that applies it.

Every event of the four public topics goes into the feed; those in the table are also heard of at once, by whom it says, and a proposed
match is gathered besides, until all of its ranking is in. Who hears what: matching.md, sections 5 and 6. A question of listings is put to
its holder, and to nobody else: it never comes near the feed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from contracts.catalogue import Catalogue
from contracts.envelope import Event, read_event
from contracts.listings import DealAgreed, DealDeclined, DealEvent, DealFact, DealOffered, DealReleased, DealVoided, HolderAsked
from contracts.matching import MatchProposed
from contracts.notifications import NoticeKind, Subject
from contracts.topics import QUESTIONS
from kit.bus import Record, TopicPartition
from kit.clock import Clock
from kit.crashing import crash_point
from kit.tracing import following
from services.notifications import texts
from services.notifications.feed import entry_of
from services.notifications.notice import Notice
from services.notifications.repository.feed import Connection, Pool
from services.notifications.repository.notices import store_notices
from services.notifications.service.notices import causing_side, gather_tellings, holder_of, new_notice, pair_of, take_into_feed
from services.notifications.texts import DealText

Hearing = Callable[[Any, Catalogue, datetime], list[Notice]]
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


def of_deal(kind: NoticeKind, hearers: Hearers, text: DealText) -> Hearing:
    """Some sides of a deal hear of it."""

    def heard(event: DealEvent, catalogue: Catalogue, now: datetime) -> list[Notice]:
        deal = event.data
        subject, said = Subject(type="deal", id=str(deal.id)), text(deal, catalogue)
        return [new_notice(kind, side, subject, event.version, said, now) for side in hearers(deal)]

    return heard


def of_match(event: MatchProposed, catalogue: Catalogue, now: datetime) -> list[Notice]:
    """The holder of the listing that stood already hears of each match, if it was told."""
    match = event.data
    standing: texts.Side = "want" if causing_side(match) == "offer" else "offer"
    holder = holder_of(match, standing)
    if holder not in match.told:
        return []
    text = texts.match_proposed(standing, pair_of(match), catalogue)
    return [new_notice("match.proposed", holder, Subject(type="match", id=match.id), event.version, text, now)]


def of_question(event: HolderAsked, _: Catalogue, now: datetime) -> list[Notice]:
    """Whoever holds the listing is asked whether it still stands."""
    question = event.data
    subject = Subject(type=question.side, id=str(question.id))
    return [new_notice("listing.lapsing", question.organisation_id, subject, event.version, texts.listing_lapsing(question), now)]


HEARD: Mapping[type[Event], Hearing] = MappingProxyType(
    {
        MatchProposed: of_match,
        DealOffered: of_deal("deal.offered", the_other_side, texts.deal_offered),
        DealAgreed: of_deal("deal.agreed", both_sides, texts.deal_agreed),
        DealDeclined: of_deal("deal.declined", who_had_accepted, texts.deal_declined),
        DealVoided: of_deal("deal.voided", who_had_accepted, texts.deal_voided),
        DealReleased: of_deal("deal.released", both_sides, texts.deal_released),
        HolderAsked: of_question,
    }
)
EVEN_IF_LATE: frozenset[type[Event]] = frozenset({MatchProposed})


class Intake:
    """Handles the records of the topics: feed and notices in one transaction a batch."""

    def __init__(self, pool: Pool, catalogue: Catalogue, clock: Clock) -> None:
        self._pool, self._catalogue, self._clock = pool, catalogue, clock

    async def __call__(self, partition: TopicPartition, records: Sequence[Record]) -> None:
        """Raises ValueError or UnknownEventTypeError for a record that can never be taken."""
        events = {event.id: event for event in (read_event(dict(record.headers), record.value) for record in records)}
        async with self._pool.acquire() as connection, connection.transaction():
            now = self._clock()
            heard = list(events.values()) if partition.topic == QUESTIONS else await self._take(connection, events, now)
            await self._react(connection, heard, now)
            crash_point("notifications.handle.before_commit")

    async def _take(self, connection: Connection, events: Mapping[UUID, Event], now: datetime) -> list[Event]:
        """Into the feed; what is to be heard of."""
        found = await take_into_feed(connection, [entry_of(event, self._catalogue) for event in events.values()], now)
        told = [events[entry.event_id] for entry in found.new]
        late = [event for event in (events[entry.event_id] for entry in found.late) if type(event) in EVEN_IF_LATE]
        return told + late

    async def _react(self, connection: Connection, events: Sequence[Event], now: datetime) -> None:
        proposed = [event.data for event in events if isinstance(event, MatchProposed)]
        gathered = await gather_tellings(connection, proposed, self._catalogue, now)
        heard = [notice for event in events for notice in self._hear(event, now)]
        await store_notices(connection, gathered + heard)

    def _hear(self, event: Event, now: datetime) -> list[Notice]:
        if (hearing := HEARD.get(type(event))) is None:
            return []
        with following(event.traceparent, f"hear {event.TYPE}"):
            return hearing(event, self._catalogue, now)
