"""Matches as they are read: ranked from the index when somebody asks, exactly, to any depth (matching.md, section 5).

The order is that of section 3: the score rounded to ten decimals, the distance rounded to six, the counterpart's id. A page begins behind
the last key of the page before, so that nothing present throughout is skipped or repeated.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from contracts.listings import OfferFact, WantFact
from contracts.matching import Match
from services.matching.engine import Pair
from services.matching.market import CLOSING, Fact, Market, PairKey, pair_key, side_of
from services.matching.match import ANSWERED, LAW, match_state, shown
from services.matching.peers import Key, Listed, ListQuery
from services.matching.telling import both

REMEMBERED = {*ANSWERED, "lapsed"}  # states of pairs that may have left the index long ago


@dataclass(frozen=True, slots=True)
class Entry:
    """One pair of a list, before it is shown."""

    key: Key
    pair: PairKey
    scored: Pair


def page_of(market: Market, query: ListQuery) -> list[Listed]:
    """The first matches of a listing on this partition behind the last that was seen. Of a listing that stands here."""
    found = behind(entries(market, market.facts[query.listing_id], query.state, query.least), query.last)
    return [Listed(key=entry.key, match=shown_entry(market, entry)) for entry in islice(found, query.count)]


def entries(market: Market, fact: Fact, state: str | None, least: float) -> Iterator[Entry]:
    """A listing's matches in order: open ones (None), or those of one state; least: the lowest score that is asked for."""
    if state in REMEMBERED:
        return iter(sorted(_remembered(market, fact, state, least), key=_key))
    return heapq.merge(*(_ranked(market, fact, bucket, state, least) for bucket in market.buckets_of(fact)), key=_key)


def _key(entry: Entry) -> Key:
    return entry.key


def _ranked(market: Market, fact: Fact, bucket: str, state: str | None, least: float) -> Iterator[Entry]:
    """From the index: the pairs that fit, or that the law alone closes, without those whose answer takes them out."""
    if fact.state != "published":
        return
    side = side_of(fact)
    ranking = market.blocked(fact, bucket) if state == "blocked" else market.ranking(fact, bucket)
    closed = (LAW,) if state == "blocked" else ()
    for place, counterpart in enumerate(ranking.ids):
        scored = ranking.pair(place, closed)
        if scored.score < least:
            return
        pair = pair_key(side, fact.id, counterpart)
        answered = market.answer_state(pair)
        if answered in CLOSING or (state is not None and answered is not None):  # a pair that is offered is open, and not `proposed`
            continue
        yield Entry(_key_of(scored, counterpart), pair, scored)


def _key_of(scored: Pair, counterpart: UUID) -> Key:
    return -round(scored.score, 10), round(scored.distance_km, 6), str(counterpart)


def _remembered(market: Market, fact: Fact, state: str, least: float) -> Iterator[Entry]:
    """From what was answered or told: such pairs may have left the index long ago."""
    for pair in market.pairs_of.get(fact.id, ()):
        if not is_remembered(market, pair):
            continue
        offer, want = both(market, pair)
        scored = market.score(offer, want)
        if match_state(market, offer, want, scored.closed) == state and scored.score >= least:
            counterpart = pair[1] if pair[0] == fact.id else pair[0]
            yield Entry(_key_of(scored, counterpart), pair, scored)


def is_remembered(market: Market, pair: PairKey) -> bool:
    """Whether a pair was answered, or told and then lapsed; of such a pair both listings are known."""
    told = market.told.get(pair)
    return all(id in market.facts for id in pair) and (market.answer_state(pair) is not None or (told is not None and told.is_lapsed))


def behind(found: Iterable[Entry], last: Key | None) -> Iterator[Entry]:
    """What comes after the key of the page before."""
    return (entry for entry in found if last is None or entry.key > last)


def shown_entry(market: Market, entry: Entry) -> Match:
    return shown(market, *both(market, entry.pair), entry.scored)


def match_by_id(market: Market, pair: PairKey, reader: UUID) -> Match | None:
    """A match to one of its sides: open, blocked, answered, or once told. None for all else."""
    offer, want = (market.facts.get(id) for id in pair)
    if isinstance(offer, OfferFact) and isinstance(want, WantFact) and reader in (offer.organisation_id, want.organisation_id):
        match = shown(market, offer, want)
        was_told = pair in market.told or pair in market.answers
        return match if match.state != "lapsed" or was_told else None
    return None
