"""What holds of every pair, every list, and every history of an index."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.matching.engine import FACTORS, Index, OfferRow, Pair, Ranking, WantRow, score_pair
from tests.unit.engine.markets import MATERIALS, OFFERS, STATED_PRICES, STOCKED_OFFERS, TERMS, WANTS, index_of, random_market

MARKET = st.tuples(st.lists(OFFERS, max_size=8, unique_by=lambda row: row.id), st.lists(WANTS, max_size=8, unique_by=lambda row: row.id))
Market = tuple[list[OfferRow], list[WantRow]]


def open_pair(offer: OfferRow, want: WantRow) -> Pair:
    """The pair, if it is a match; else the example is passed over."""
    pair = score_pair(offer, want, TERMS)
    assume(not pair.closed)
    return pair


def willing(offer: OfferRow, want: WantRow, **changes: Any) -> tuple[OfferRow, WantRow]:
    """The pair without all that would close a gate for reasons of no interest here; price and grade still may."""
    lasting = replace(offer, minimum_lot_kg=Decimal(0), available_until=None, fresh_until=None, fresh_hours=None)
    easy: dict[str, Any] = {
        "compatibility": (1.0,) * MATERIALS,
        "party": UUID(int=9),
        "accepts_partial": True,
        "admits": 0b111,
        "radius_km": 500.0,
    }
    return lasting, replace(want, **(easy | {"needed_until": None, "still_wanted_kg": None} | changes))


@settings(max_examples=500)
@given(OFFERS, WANTS)
def test_factors_and_score_are_between_0_and_1_whatever_gate_is_closed(offer: OfferRow, want: WantRow) -> None:
    pair = score_pair(offer, want, TERMS)
    assert tuple(pair.factors) == FACTORS
    assert all(0 <= number <= 1 for number in (pair.score, *pair.factors.values()))
    assert math.isfinite(pair.distance_km)
    assert math.isfinite(pair.quantity_kg)


@given(MARKET)
def test_both_sides_of_a_pair_see_the_same_numbers(market: Market) -> None:
    offers, wants = market
    index = index_of(offers, wants)
    by_offer = {(offer.id, other): numbers for offer in offers for other, numbers in listed(index.rank_offer(offer.id))}
    by_want = {(other, want.id): numbers for want in wants for other, numbers in listed(index.rank_want(want.id))}
    assert by_offer == by_want


def test_a_pair_scored_alone_equals_the_pair_in_a_list() -> None:
    offers, wants = random_market(3, 60)
    index, by_id = index_of(offers, wants), {want.id: want for want in wants}
    for offer in offers:
        for counterpart, numbers in listed(index.rank_offer(offer.id)):
            pair = score_pair(offer, by_id[counterpart], TERMS)
            assert (pair.score, pair.distance_km, pair.quantity_kg, *pair.factors.values()) == numbers


def listed(ranking: Ranking) -> list[tuple[UUID, tuple[float, ...]]]:
    """Each counterpart with its score, distance, quantity and factors."""
    columns = np.column_stack([ranking.scores, ranking.distances_km, ranking.quantities_kg, ranking.factors])
    return [(id, tuple(numbers)) for id, numbers in zip(ranking.ids, columns.tolist(), strict=True)]


@settings(max_examples=60)
@given(MARKET, st.randoms(use_true_random=False))
def test_an_index_with_a_history_equals_one_built_anew(market: Market, random: Random) -> None:
    offers, wants = market
    index = with_history(offers, wants, random)
    rebuilt = index_of(offers, wants)
    assert (index.offers, index.wants) == (len(offers), len(wants))
    for offer in offers:
        assert index.offer(offer.id) == offer
        assert listed(index.rank_offer(offer.id)) == listed(rebuilt.rank_offer(offer.id))
        assert listed(index.blocked_offer(offer.id)) == listed(rebuilt.blocked_offer(offer.id))
    for want in wants:
        assert index.want(want.id) == want
        assert listed(index.rank_want(want.id)) == listed(rebuilt.rank_want(want.id))


def with_history(offers: list[OfferRow], wants: list[WantRow], random: Random) -> Index:
    """In the end the same stand; on the way came others, other versions, and removals, in any order."""
    index, others = Index(MATERIALS, TERMS), random_market(random.randrange(10**6), 20)
    kept = {offer.id for offer in offers} | {want.id for want in wants}
    rows: list[OfferRow | WantRow] = [*offers, *wants, *others[0], *others[1]]
    for row in random.sample(rows, k=len(rows)):
        put(index, replace(row, latitude=0.0))
        if random.random() < 0.4:
            index.remove(row.id)
    for row in random.sample(rows, k=len(rows)):
        if row.id in kept:
            put(index, row)
        else:
            index.remove(row.id)
    return index


def put(index: Index, row: OfferRow | WantRow) -> None:
    if isinstance(row, OfferRow):
        index.put_offer(row)
    else:
        index.put_want(row)


@settings(max_examples=300)
@given(STOCKED_OFFERS, WANTS, st.sampled_from(["price", "grade", "bid", "min_grade"]))
def test_leaving_a_price_or_a_grade_unstated_never_scores_better(offer: OfferRow, want: WantRow, field: str) -> None:
    offer, want = willing(offer, want)
    stated = open_pair(offer, want)
    silence: dict[str, Any] = {field: None}
    is_offers = field in ("price", "grade")
    silent = score_pair(replace(offer, **silence), want, TERMS) if is_offers else score_pair(offer, replace(want, **silence), TERMS)
    assert not silent.closed
    assert silent.score <= stated.score


@settings(max_examples=300)
@given(STOCKED_OFFERS, WANTS, st.tuples(st.integers(0, 150), st.integers(0, 150)).map(sorted))
def test_the_farther_of_two_equal_wants_never_scores_better(offer: OfferRow, want: WantRow, cells: list[int]) -> None:
    offer, want = willing(offer, want, latitude=offer.latitude, min_grade=None)
    near, far = (replace(want, longitude=round(offer.longitude + east / 100, 2)) for east in cells)
    farther = open_pair(offer, far)
    nearer = open_pair(offer, near)
    assert nearer.distance_km <= farther.distance_km
    assert nearer.score >= farther.score


@settings(max_examples=300)
@given(STOCKED_OFFERS, WANTS, STATED_PRICES, st.integers(0, 500))
def test_asking_less_never_scores_worse(offer: OfferRow, want: WantRow, price: Decimal, less: int) -> None:
    offer, want = willing(offer, want, min_grade=None)
    dearer = open_pair(replace(offer, price=price), want)
    assert open_pair(replace(offer, price=price - less), want).score >= dearer.score


@settings(max_examples=200)
@given(OFFERS, WANTS)
def test_the_law_moves_a_pair_between_the_open_and_the_blocked_and_changes_no_number(offer: OfferRow, want: WantRow) -> None:
    allowed, refused = (index_of([offer], [replace(want, admits=bits)]) for bits in (1 << offer.regime, 0))
    assert listed(allowed.rank_offer(offer.id)) == listed(refused.blocked_offer(offer.id))
    assert len(allowed.blocked_offer(offer.id)) == len(refused.rank_offer(offer.id)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_best_are_the_first_of_the_whole_list_and_every_counterpart_knows_its_place(seed: int) -> None:
    offers, wants = random_market(seed, 120)
    index = index_of(offers, wants)
    for offer in offers[:40]:
        whole = index.rank_offer(offer.id)
        for count in (0, 1, 2, 5, len(whole), len(whole) + 3):
            assert listed(index.best("offer", offer.id, count)) == listed(whole[:count])
        assert [index.rank_in("offer", offer.id, id) for id in whole.ids] == list(range(len(whole)))
    for want in wants[:40]:
        places = {offer.id: index.rank_in("want", want.id, offer.id) for offer in offers}
        ranked = sorted((place, id) for id, place in places.items() if place is not None)
        assert tuple(id for _, id in ranked) == index.rank_want(want.id).ids


@pytest.mark.parametrize("at_once", [1, 50, 100_000])
@pytest.mark.parametrize("seed", range(3))
def test_the_places_in_many_rankings_are_those_in_each(seed: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.matching.engine.index.PAIRS_AT_ONCE", at_once)
    offers, wants = random_market(seed, 90)
    wants += [replace(want, id=UUID(int=Random(seed + want.id.int).getrandbits(128))) for want in wants]  # twins
    index = index_of(offers, wants)
    sides = (("offer", offers, wants), ("want", wants, offers))
    for side, own, others in sides:
        for listing in own[:10]:
            one_by_one = {one.id: index.rank_in("want" if side == "offer" else "offer", one.id, listing.id) for one in others}
            expected = {id: place for id, place in one_by_one.items() if place is not None}
            assert index.places_in(side, listing.id, [one.id for one in others]) == expected  # type: ignore[arg-type]  # a literal in a tuple
    assert index.places_in("offer", UUID(int=1), [want.id for want in wants]) == {}
    assert index.places_in("offer", offers[0].id, [UUID(int=1)]) == {}
    assert index.places_in("offer", offers[0].id, []) == {}


@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_by_rounded_score_then_rounded_distance_then_the_text_of_the_id(seed: int) -> None:
    offers, wants = random_market(seed, 120)
    wants += [replace(want, id=UUID(int=Random(seed + want.id.int).getrandbits(128))) for want in wants]  # twins
    index = index_of(offers, wants)
    ties = 0
    for offer in offers:
        ranking = index.rank_offer(offer.id)
        numbers = zip(ranking.scores.tolist(), ranking.distances_km.tolist(), ranking.ids, strict=True)
        keys = [(-round(score, 10), round(distance, 6), str(id)) for score, distance, id in numbers]
        assert keys == sorted(set(keys))
        ties += len(keys) - len({key[:2] for key in keys})
    assert ties > 100, "too few ties to show anything"
