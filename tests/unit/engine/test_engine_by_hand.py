"""Cases worked out by hand, from matching.md with a pocket calculator.

The plain pair (markets.py): 1,000 kg of grade B at 100 a tonne; wanted in the same place are 500 to 1,000 kg of grade B at up to 200.
One degree along a meridian is 6371.0088 x pi / 180 = 111.195080 km: 155.673112 km of road, 3.891828 h at 40 km/h, 35.804816 PEN a tonne.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.matching.engine import Pair, Terms, score_pair
from tests.unit.engine.markets import HOUR, MATERIALS, NOON, TERMS, WEIGHTS, index_of, offer_with, want_with

MOMENT = timedelta(microseconds=1)
NORTH = -12.05 + 1  # one degree from the offer
Changes = dict[str, Any]


def scored(offer: Changes, want: Changes) -> Pair:
    return score_pair(offer_with(**offer), want_with(**want), TERMS)


def test_a_perfect_pair_scores_1() -> None:
    pair = scored({}, {})
    assert (pair.score, pair.distance_km, pair.quantity_kg, pair.closed) == (1.0, 0.0, 1000.0, ())


def test_a_mixed_pair_scores_as_on_a_pocket_calculator() -> None:
    pair = scored(
        {"material": 1, "quantity_kg": Decimal(400), "grade": 3},
        {"accepts_partial": True, "latitude": NORTH, "bid": Decimal(150)},
    )
    # lo = 500, hi' = 1000, t = 400: 400/500 x sqrt(400/1000) = 0.8 x 0.632456
    # h = 100 km: 2 ^ -1.11195080
    # L = 135.804816, b = max(30, 20): 0.5 + 0.5 x 14.195184 / 30
    expected = {"material": 0.5, "quantity": 0.505964426, "distance": 0.462667991, "price": 0.736586403, "quality": 0.95}
    assert pair.factors == pytest.approx(expected, rel=0, abs=1e-8)
    # 0.5^.40 x 0.505964426^.10 x 0.462667991^.15 x 0.736586403^.25 x 0.95^.10
    assert pair.score == pytest.approx(0.581257679, rel=0, abs=1e-8)
    assert pair.distance_km == pytest.approx(111.195080, rel=0, abs=1e-6)
    assert pair.quantity_kg == 400


@pytest.mark.parametrize(
    ("offer", "want", "factor"),
    [
        ({}, {}, 1.0),
        ({"is_recurring": True}, {}, 0.7),  # one lot is no stream
        ({"quantity_kg": Decimal(4000)}, {}, 0.5),  # t = 1000 of 1000; sqrt(1000/4000)
        ({"quantity_kg": Decimal(625)}, {"still_wanted_kg": None}, 0.5),  # hi' = 5 x 500; t = 625 of 500; sqrt(625/2500)
        # hi' = max(2500, 4000): t = 4000 of 4000
        ({"quantity_kg": Decimal(4000), "minimum_lot_kg": Decimal(4000)}, {"still_wanted_kg": None}, 1.0),
        ({"quantity_kg": Decimal(125)}, {"accepts_partial": True, "still_wanted_kg": Decimal(500)}, 0.125),  # 125/500 x sqrt(125/500)
        ({}, {"minimum_kg": Decimal(500), "still_wanted_kg": Decimal(250)}, 0.5),  # lo = hi = 250: enough; sqrt(250/1000)
        ({"quantity_kg": Decimal(4000), "is_divisible": False}, {"still_wanted_kg": None}, 0.7905694150420949),  # t = 4000; sqrt(2500/4000)
        ({"quantity_kg": Decimal(0)}, {}, 0.0),
        ({}, {"still_wanted_kg": Decimal(0)}, 0.0),
        ({}, {"still_wanted_kg": Decimal(-5)}, 0.0),
    ],
)
def test_the_quantity_factor(offer: Changes, want: Changes, factor: float) -> None:
    assert scored(offer, want).factors["quantity"] == pytest.approx(factor, rel=0, abs=1e-12)


@pytest.mark.parametrize(
    ("price", "bid", "factor"),
    [
        ("200", "200", 0.5),  # at the limit
        ("180", "200", 0.75),  # b = 40: 20 of 40
        ("160", "200", 1.0),
        ("-1000", "200", 1.0),
        ("40", "50", 0.75),  # b = max(10, 20): 10 of 20
        ("-310", "-300", 0.5 + 0.5 * 10 / 60),  # both are paid to take it; b = 60
        ("0", "0", 0.5),
        (None, "200", 0.5),
        ("200", None, 0.5),
        ("220", "200", 0.25),  # closed; -20 of 40
        ("900", "200", 0.0),  # closed; never below 0
    ],
)
def test_the_price_factor_in_the_same_place(price: str | None, bid: str | None, factor: float) -> None:
    pair = scored({"price": price and Decimal(price)}, {"bid": bid and Decimal(bid)})
    assert pair.factors["price"] == pytest.approx(factor, rel=0, abs=1e-12)


@pytest.mark.parametrize(
    ("grade", "asked", "factor"),
    [(2, 2, 1.0), (3, 2, 0.95), (3, 1, 0.90), (3, 0, 0.85), (None, 2, 0.60), (2, None, 0.60), (None, None, 0.60), (1, 2, 0.0)],
)
def test_the_quality_factor(grade: int | None, asked: int | None, factor: float) -> None:
    assert scored({"grade": grade}, {"min_grade": asked}).factors["quality"] == factor


FRESH: Changes = {"fresh_until": NOON + 2 * HOUR}
STREAM: Changes = {"is_recurring": True}
HUGE = Decimal("999999999999999.999999999")  # as a double, the same as with one thing less in the last digit
SLIGHT = Decimal("0.000000001")


@pytest.mark.parametrize(
    ("offer", "want", "closed"),
    [
        ({}, {"party": UUID(int=101)}, "same_organisation"),
        ({}, {"still_wanted_kg": Decimal(0)}, "not_open"),
        ({"quantity_kg": Decimal(0)}, {"accepts_partial": True}, "not_open"),
        ({"quantity_kg": Decimal(0)}, {}, "not_open quantity"),
        ({"material": 2}, {}, ""),  # 0.2
        ({"material": 3}, {}, "material"),  # 0.19
        ({}, {"compatibility": (0.5 * 0.4, 0, 0, 0)}, ""),
        ({"quantity_kg": Decimal(500)}, {}, ""),
        ({"quantity_kg": 500 - SLIGHT}, {}, "quantity"),
        ({"quantity_kg": 500 - SLIGHT}, {"accepts_partial": True}, ""),
        ({"quantity_kg": HUGE}, {"minimum_kg": HUGE, "still_wanted_kg": None}, ""),
        ({"quantity_kg": HUGE - SLIGHT}, {"minimum_kg": HUGE, "still_wanted_kg": None}, "quantity"),
        ({"quantity_kg": Decimal(300)}, {"still_wanted_kg": Decimal(300)}, ""),  # lo = min(500, 300)
        ({"minimum_lot_kg": Decimal(1000)}, {}, ""),
        ({"minimum_lot_kg": 1000 + SLIGHT}, {"still_wanted_kg": None}, "lot"),
        ({"minimum_lot_kg": Decimal(800)}, {"still_wanted_kg": 800 - SLIGHT}, "lot"),
        ({"quantity_kg": Decimal(1001), "minimum_lot_kg": Decimal(9000), "is_divisible": False}, {"still_wanted_kg": Decimal(1001)}, ""),
        ({"quantity_kg": HUGE, "is_divisible": False}, {"still_wanted_kg": HUGE - SLIGHT}, "lot"),
        ({"quantity_kg": HUGE, "is_divisible": False}, {"still_wanted_kg": None}, ""),
        ({}, {"latitude": NORTH, "radius_km": 111.1951}, ""),
        ({}, {"latitude": NORTH, "radius_km": 111.1950}, "distance"),
        ({}, {"radius_km": 0.0}, ""),
        ({"price": Decimal("0.2") * 1000}, {}, ""),  # 0.2 a kilogram is 200 a tonne
        ({"price": 200 + SLIGHT}, {}, "price"),
        ({"price": HUGE}, {"bid": HUGE - SLIGHT}, "price"),
        ({"price": HUGE}, {"bid": HUGE}, ""),
        ({"price": HUGE}, {"bid": None}, ""),
        ({}, {"latitude": NORTH, "bid": Decimal("135.8049")}, ""),
        ({}, {"latitude": NORTH, "bid": Decimal("135.8048")}, "price"),
        ({"grade": 1}, {}, "grade"),
        ({"grade": 0}, {"min_grade": None}, ""),
        ({"grade": None}, {"min_grade": 3}, ""),
        ({"available_until": NOON + HOUR}, {"needed_from": NOON + HOUR}, ""),
        ({"available_until": NOON + HOUR}, {"needed_from": NOON + HOUR + MOMENT}, "time"),
        ({"available_from": NOON + HOUR}, {"needed_until": NOON + HOUR}, ""),
        ({"available_from": NOON + HOUR + MOMENT}, {"needed_until": NOON + HOUR}, "time"),
        ({"available_from": None}, {"needed_from": None}, ""),
        (FRESH, {}, ""),  # two hours are left, which is the handling
        (FRESH, {"published_at": NOON + MOMENT}, "freshness"),
        (FRESH, {"needed_from": NOON + MOMENT}, "freshness"),
        (FRESH | {"published_at": NOON + MOMENT}, {}, "freshness"),
        (FRESH | {"available_from": NOON + MOMENT}, {}, "freshness"),
        (FRESH | {"available_from": None}, {"needed_from": None}, ""),
        (FRESH | STREAM, {"published_at": NOON + 9 * HOUR}, ""),  # a date is one lot's
        ({"fresh_until": NOON + 5.9 * HOUR}, {"latitude": NORTH}, ""),  # 3.8918 h of road
        ({"fresh_until": NOON + 5.8 * HOUR}, {"latitude": NORTH}, "freshness"),
        (STREAM | {"fresh_hours": 5.9}, {"latitude": NORTH}, ""),
        (STREAM | {"fresh_hours": 5.8}, {"latitude": NORTH, "published_at": NOON - 9 * HOUR}, "freshness"),
        ({"fresh_hours": 1.0}, {}, ""),  # a shelf life alone is a stream's
        ({"regime": 1}, {"admits": 0b010}, ""),
        ({"regime": 1}, {"admits": 0b101}, "law"),
        ({"regime": 1, "grade": 0}, {"admits": 0, "party": UUID(int=101)}, "same_organisation grade law"),
    ],
)
def test_the_gates_at_their_limits(offer: Changes, want: Changes, closed: str) -> None:
    pair = scored(offer, want)
    assert pair.closed == tuple(closed.split())
    one, other = offer_with(**offer), want_with(**want)
    index = index_of([one], [other])
    assert len(index.rank_offer(one.id)) == len(index.rank_want(other.id)) == (closed == "")
    assert len(index.blocked_offer(one.id)) == len(index.blocked_want(other.id)) == (closed == "law")
    assert index.rank_in("offer", one.id, other.id) == (0 if closed == "" else None)


def test_scores_equal_to_ten_digits_tie_and_the_nearer_then_the_smaller_id_comes_first() -> None:
    # Of so dear a material the distance factor one degree away is 1 - 8e-14. What wants a trifle more scores 1 - 5e-14, though nearer.
    offer = offer_with(half_distance_km=1e15, price=None)
    far = want_with(id=UUID(int=10), latitude=NORTH)
    near = want_with(id=UUID(int=30), still_wanted_kg=1000 + SLIGHT)
    beside = want_with(id=UUID(int=20), still_wanted_kg=1000 + SLIGHT, latitude=-12.05 + 1e-9)  # 0.0000001 km
    ranking = index_of([offer], [far, near, beside]).rank_offer(offer.id)
    assert [id.int for id in ranking.ids] == [20, 30, 10]
    assert ranking.scores[2] > ranking.scores[1]
    assert ranking.distances_km[0] > ranking.distances_km[1] == 0


def test_lists_of_what_does_not_stand_here_are_empty() -> None:
    index = index_of([offer_with()], [])
    index.remove(UUID(int=77))
    assert len(index.rank_offer(offer_with().id)) == len(index.best("want", UUID(int=77), 5)) == 0
    assert index.rank_in("offer", UUID(int=77), UUID(int=78)) is None
    assert index.offer(UUID(int=77)) is None
    assert index.want(offer_with().id) is None


@pytest.mark.parametrize(
    "row",
    [
        offer_with(material=MATERIALS),
        offer_with(material=-1),
        offer_with(regime=63),
        want_with(compatibility=(1.0,)),
        want_with(admits=-1),
    ],
)
def test_a_row_that_does_not_fit_the_bucket_is_refused_and_changes_nothing(row: Any) -> None:
    index = index_of([offer_with()], [want_with()])
    put = index.put_offer if hasattr(row, "material") else index.put_want
    with pytest.raises(ValueError, match=str(row.id)):
        put(row)
    assert (index.offer(offer_with().id), index.want(want_with().id)) == (offer_with(), want_with())
    assert index.rank_offer(offer_with().id).scores.tolist() == [1.0]


@pytest.mark.parametrize("change", [{"price": 0.3}, {"speed": 0.0}, {"price": -0.25, "material": 0.9}])
def test_weights_that_are_not_five_shares_of_one_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        Terms(freight_per_tonne_km=0.23, road_factor=1.4, lorry_kmh=40, handling_hours=2, weights=WEIGHTS | change)


def test_an_index_of_more_than_its_first_room_lists_all() -> None:
    wants = [want_with(id=UUID(int=1000 + number)) for number in range(300)]
    index = index_of([offer_with()], wants)
    assert index.wants == 300
    assert index.rank_offer(offer_with().id).ids == tuple(want.id for want in wants)
