"""The engine against the plain reference, pair by pair and list by list."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given, settings

from services.matching.engine import FACTORS, OfferRow, Ranking, WantRow, score_pair
from tests.reference.scorer import Verdict, judge, ranked
from tests.unit.engine.markets import OFFERS, TERMS, WANTS, index_of, random_market

EXACT = pytest.approx  # to 1e-9, as matching.md promises


@settings(max_examples=1000)
@given(OFFERS, WANTS)
def test_any_pair_scores_and_closes_as_in_the_reference(offer: OfferRow, want: WantRow) -> None:
    pair, verdict = score_pair(offer, want, TERMS), judge(offer, want)
    assert pair.closed == verdict.closed
    assert pair.factors == EXACT(dict(verdict.factors), rel=0, abs=1e-9)
    assert pair.score == EXACT(verdict.score, rel=0, abs=1e-9)
    assert pair.distance_km == EXACT(verdict.distance_km, rel=0, abs=1e-9)
    assert pair.quantity_kg == verdict.quantity_kg


@pytest.mark.parametrize("seed", range(3))
def test_every_list_of_a_random_market_is_that_of_the_reference(seed: int) -> None:
    offers, wants = random_market(seed, 90)
    index = index_of(offers, wants)
    for offer in offers:
        pairs = [(want.id, offer, want) for want in wants]
        assert_same(index.rank_offer(offer.id), ranked(pairs))
        assert_same(index.blocked_offer(offer.id), ranked(pairs, ("law",)))
    for want in wants:
        pairs = [(offer.id, offer, want) for offer in offers]
        assert_same(index.rank_want(want.id), ranked(pairs))
        assert_same(index.blocked_want(want.id), ranked(pairs, ("law",)))
    assert sum(len(index.rank_offer(offer.id)) for offer in offers) > 150, "too thin a market to show anything"


def assert_same(ranking: Ranking, expected: list[tuple[UUID, Verdict]]) -> None:
    assert list(ranking.ids) == [counterpart for counterpart, _ in expected]
    for place, (_, verdict) in enumerate(expected):
        assert ranking.scores[place] == EXACT(verdict.score, rel=0, abs=1e-9)
        assert ranking.distances_km[place] == EXACT(verdict.distance_km, rel=0, abs=1e-9)
        assert ranking.quantities_kg[place] == verdict.quantity_kg
        assert dict(zip(FACTORS, ranking.factors[place], strict=True)) == EXACT(dict(verdict.factors), rel=0, abs=1e-9)
