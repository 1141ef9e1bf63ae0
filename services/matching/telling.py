"""Who is to be told of which pair, and which told pairs have lapsed (matching.md, section 5).

Pure: from a market and a listing that has just changed to the events that follow. Load-bearing: a side is told of a pair once a
publication, and what was told is remembered in the same transaction as its event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.envelope import Event
from contracts.listings import OfferFact, WantFact
from contracts.matching import Cause, MatchFact, MatchLapsed, MatchProposed
from kit import telemetry
from kit.ids import new_id
from kit.tracing import carried
from services.matching.engine import Pair
from services.matching.market import KEEPING, Fact, Market, PairKey, SideName, Told, other, pair_key, publication, side_of
from services.matching.match import match_fields

RANKED = 50
BEST = 5
TOLD_FROM = 0.5


@dataclass(frozen=True, slots=True)
class Telling:
    """A pair, the sides that hear of it now, and what it scores."""

    key: PairKey
    sides: tuple[SideName, ...]
    scored: Pair


def tellings(market: Market, fact: Fact) -> list[Telling]:
    """The pairs of a listing just published or changed that are to be told, bucket by bucket."""
    if fact.state != "published":
        return []
    return [telling for bucket in market.buckets_of(fact) for telling in _in_bucket(market, fact, bucket)]


def _in_bucket(market: Market, fact: Fact, bucket: str) -> Iterator[Telling]:
    side = side_of(fact)
    found = [(counterpart, scored) for counterpart, scored in market.best(side, fact.id, bucket, RANKED) if scored.score >= TOLD_FROM]
    entered = market.has_among_best(side, fact.id, bucket, [counterpart for counterpart, _ in found], BEST)
    for place, (counterpart, scored) in enumerate(found):
        key = pair_key(side, fact.id, counterpart)
        hearing: list[SideName] = [side] if place < BEST else []
        if counterpart in entered:
            hearing.append(other(side))
        if untold := tuple(one for one in hearing if not is_told(market, key, one)):
            yield Telling(key, untold, scored)


def is_told(market: Market, key: PairKey, side: SideName) -> bool:
    """Whether this side has heard of the pair since it was last published."""
    told = market.told.get(key)
    return told is not None and told.told_to(side) == publication(*both(market, key))


def both(market: Market, key: PairKey) -> tuple[OfferFact, WantFact]:
    """The two listings of a pair of this market."""
    offer, want = market.facts[key[0]], market.facts[key[1]]
    assert isinstance(offer, OfferFact)
    assert isinstance(want, WantFact)
    return offer, want


def tell(market: Market, fact: Fact, now: datetime) -> list[Event]:
    """`match.proposed` for what is to be told of a listing; the market remembers it."""
    found = tellings(market, fact)
    cause = Cause(listing_id=fact.id, version=fact.version, partition=market.partition, count=len(found))
    return [_propose(market, telling, cause, now) for telling in found]


def _propose(market: Market, telling: Telling, cause: Cause, now: datetime) -> Event:
    offer, want = both(market, telling.key)
    told = market.told.get(telling.key, Told())
    for side in telling.sides:
        told = told.tell(side, publication(offer, want))
    told = _next(told, is_lapsed=False)
    market.keep_told(telling.key, told)
    hearing = tuple((offer if side == "offer" else want).organisation_id for side in telling.sides)
    return _event(MatchProposed, market, telling.key, told, hearing, cause, now, telling.scored)


def settle_told(market: Market, keys: Iterable[PairKey], now: datetime) -> tuple[list[Event], list[PairKey]]:
    """Told pairs looked at again: those that no gate lets through any more lapse, those that pass again are open without being told.

    Gives the events, and the pairs whose state changed without one."""
    events, returned = [], []
    for key in sorted(keys):
        told = market.told.get(key)
        if told is None or market.answer_state(key) in KEEPING:
            continue
        is_open = market.is_open(key)
        if told.is_lapsed and is_open:
            market.keep_told(key, Told(told.version, False, told.holder_told, told.seeker_told))
            returned.append(key)
        elif not told.is_lapsed and not is_open:
            events.append(_lapse(market, key, told, now))
    return events, returned


def _lapse(market: Market, key: PairKey, told: Told, now: datetime) -> Event:
    lapsed = _next(told, is_lapsed=True)
    market.keep_told(key, lapsed)
    offer, want = both(market, key)
    sides = ((told.holder_told, offer.organisation_id), (told.seeker_told, want.organisation_id))
    hearing = tuple(organisation for publication_told, organisation in sides if publication_told is not None)
    return _event(MatchLapsed, market, key, lapsed, hearing, None, now)


def _next(told: Told, *, is_lapsed: bool) -> Told:
    return Told(told.version + 1, is_lapsed, told.holder_told, told.seeker_told)


def _event(
    event: type[MatchProposed] | type[MatchLapsed],
    market: Market,
    key: PairKey,
    told: Told,
    hearing: tuple[UUID, ...],
    cause: Cause | None,
    now: datetime,
    scored: Pair | None = None,
) -> Event:
    offer, want = both(market, key)
    fields = match_fields(market, offer, want, scored)
    fact = MatchFact(**fields, told=hearing, parties=(offer.organisation_id, want.organisation_id), cause=cause)
    causes = {"correlation_id": telemetry.correlation_id.get(), "traceparent": carried()}
    return event(id=new_id(), time=now, subject=fact.id, version=told.version, data=fact, **causes)
