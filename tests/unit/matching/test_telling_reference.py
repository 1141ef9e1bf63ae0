"""Telling by matching.md, section 5, against the plain reference, over histories that nobody thought of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.envelope import Event
from contracts.listings import OfferFact
from contracts.matching import MatchFact, MatchLapsed, MatchProposed
from services.matching.market import Market, PairKey
from services.matching.reactions import Effects, react
from tests.reference.telling import TOLD_FROM, History
from tests.unit.matching.trading import CATALOGUE, NOW, RULEBOOK, event_of, offer, some_history, some_offer, some_want, want

RANDOMS = st.builds(Random, st.integers(0, 2**32))
TEXTILE, METAL, RUBBER, PACKAGING = (CATALOGUE.partitions[family] for family in ("textile", "metal", "rubber", "packaging"))
Told = Counter[tuple[PairKey, UUID]]


def played(partition: int, events: Iterable[Event]) -> tuple[Market, list[Event]]:
    """A market that hears the events one by one, and all that it said."""
    market, said = Market(partition, RULEBOOK), []
    for event in events:
        effects = Effects()
        react(market, event, effects, lambda: NOW)
        said += effects.events
    return market, said


def told_by(said: Iterable[Event]) -> Told:
    facts = [event.data for event in said if isinstance(event, MatchProposed)]
    return Counter(((fact.offer_id, fact.want_id), one) for fact in facts for one in fact.told)


def lapsed_by(said: Iterable[Event]) -> Counter[PairKey]:
    return Counter((event.data.offer_id, event.data.want_id) for event in said if isinstance(event, MatchLapsed))


def assert_as_the_reference(partition: int, events: Sequence[Event]) -> None:
    market, said = played(partition, events)
    history = History(RULEBOOK, partition)
    for event in events:
        history.hear(event)
    assert told_by(said) == history.told
    assert lapsed_by(said) == history.lapsed
    assert_versions_grow(said)
    for fact in market.facts.values():
        for bucket in market.buckets_of(fact):
            found = [counterpart for counterpart, _ in market.best("offer" if isinstance(fact, OfferFact) else "want", fact.id, bucket, 99)]
            assert found == ([id for id, _ in history.best(fact, bucket, 99)] if fact.state == "published" else [])


def assert_versions_grow(said: Iterable[Event]) -> None:
    """The version of a match's events counts them."""
    seen: Counter[str] = Counter()
    for event in said:
        seen[event.subject] += 1
        assert event.version == seen[event.subject]


@settings(max_examples=60, deadline=None)
@given(RANDOMS, st.integers(2, 30), st.sampled_from([TEXTILE, METAL, RUBBER, PACKAGING]))
def test_any_history_tells_and_lapses_what_the_reference_does(random: Random, steps: int, partition: int) -> None:
    assert_as_the_reference(partition, some_history(random, steps))


@settings(max_examples=40, deadline=None)
@given(RANDOMS, st.integers(2, 30))
def test_events_redelivered_and_out_of_order_tell_what_the_reference_does(random: Random, steps: int) -> None:
    events = some_history(random, steps)
    again = events + random.choices(events, k=len(events))
    random.shuffle(again)
    assert_as_the_reference(TEXTILE, again)


@settings(max_examples=60, deadline=None)
@given(RANDOMS, st.integers(1, 5), st.integers(1, 5))
def test_with_at_most_five_counterparts_every_good_pair_is_told_to_both_in_any_order(random: Random, offers: int, wants: int) -> None:
    listings = [event_of(some_offer(random)) for _ in range(offers)] + [event_of(some_want(random)) for _ in range(wants)]
    history = History(RULEBOOK, TEXTILE, {event.data.id: event.data for event in listings})  # type: ignore[attr-defined]
    expected: Told = Counter()
    for event in listings:
        for bucket in history.buckets_of(event.data):
            for counterpart, verdict in history.best(event.data, bucket, 5):
                if isinstance(event.data, OfferFact) and verdict.score >= TOLD_FROM:
                    pair = (event.data.id, counterpart)
                    expected.update((pair, history.facts[id].organisation_id) for id in pair)
    for order in (listings, listings[::-1], random.sample(listings, len(listings))):
        _, said = played(TEXTILE, order)
        assert told_by(said) == expected


def test_random_markets_are_rich_enough_to_show_anything() -> None:
    told, lapsed = 0, 0
    for seed in range(20):
        _, said = played(TEXTILE, some_history(Random(seed), 30))
        told, lapsed = told + told_by(said).total(), lapsed + lapsed_by(said).total()
    assert told > 100
    assert lapsed > 10


def test_a_ranking_says_how_many_events_it_made_and_the_listing_that_made_it() -> None:
    wants = [event_of(want(organisation_id=UUID(int=number))) for number in range(11, 19)]
    new = event_of(offer())
    _, said = played(TEXTILE, [*wants, new])
    facts = [event.data for event in said if isinstance(event.data, MatchFact)]
    assert len(facts) == 8, "the best 5 are told to the holder, and each of the 8 wants has the offer among its best 5"
    assert Counter(len(fact.told) for fact in facts) == {2: 5, 1: 3}
    assert {(fact.cause.listing_id, fact.cause.version, fact.cause.count) for fact in facts if fact.cause} == {(new.data.id, 1, 8)}  # type: ignore[attr-defined]


@pytest.mark.parametrize("failing", range(1, 9))
@settings(max_examples=8, deadline=None)
@given(random=RANDOMS)
def test_a_batch_undone_leaves_no_trace(failing: int, random: Random) -> None:
    events = some_history(random, 14 + failing)
    before, batch = events[:-failing], events[-failing:]
    market, _ = played(TEXTILE, before)
    untouched, _ = played(TEXTILE, before)
    market.begin_batch()
    for event in batch:
        react(market, event, Effects(), lambda: NOW)
    market.undo()
    assert market.facts == untouched.facts
    assert market.told == untouched.told
    assert market.answers == untouched.answers
    for fact in market.facts.values():
        for bucket in market.buckets_of(fact):
            assert market.ranking(fact, bucket).ids == untouched.ranking(fact, bucket).ids
            assert market.blocked(fact, bucket).ids == untouched.blocked(fact, bucket).ids
