"""Rows for the engine's tests: a plain one to change one thing of, strategies, and seeded random markets.

Load-bearing: amounts, prices, places and times are drawn from small grids, so that limits are met exactly and listings tie.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import strategies as st

from services.matching.engine import Index, OfferRow, Terms, WantRow

WEIGHTS = {"material": 0.40, "quantity": 0.10, "distance": 0.15, "price": 0.25, "quality": 0.10}
TERMS = Terms(freight_per_tonne_km=0.23, road_factor=1.4, lorry_kmh=40, handling_hours=2, weights=WEIGHTS)
MATERIALS, REGIMES = 4, 3
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
Choice = TypeVar("Choice")

OFFER = OfferRow(
    id=UUID(int=1),
    party=UUID(int=101),
    material=0,
    quantity_kg=Decimal(1000),
    minimum_lot_kg=Decimal(0),
    is_divisible=True,
    is_recurring=False,
    latitude=-12.05,
    longitude=-77.04,
    price=Decimal(100),
    grade=2,
    available_from=NOON,
    available_until=None,
    published_at=NOON,
    fresh_until=None,
    fresh_hours=None,
    half_distance_km=100.0,
    regime=0,
)
WANT = WantRow(
    id=UUID(int=2),
    party=UUID(int=102),
    compatibility=(1.0, 0.5, 0.2, 0.19),
    minimum_kg=Decimal(500),
    still_wanted_kg=Decimal(1000),
    accepts_partial=False,
    is_recurring=False,
    latitude=-12.05,
    longitude=-77.04,
    radius_km=500.0,
    bid=Decimal(200),
    min_grade=2,
    needed_from=NOON,
    needed_until=None,
    published_at=NOON,
    admits=0b111,
)


def offer_with(**changes: Any) -> OfferRow:
    """The plain offer: 1,000 kg at 100 a tonne, grade B, in Lima."""
    return replace(OFFER, **changes)


def want_with(**changes: Any) -> WantRow:
    """The plain want: 500 to 1,000 kg at 200 a tonne, grade B, in the same place."""
    return replace(WANT, **changes)


IDS = st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number))
PARTIES = st.integers(1, 4).map(lambda number: UUID(int=number))
POSITIVE = st.sampled_from([*map(Decimal, ("0.000000001", "1", "100", "333.333333333", "500", "999.999999999", "1000", "5000"))])
AMOUNTS = POSITIVE | st.just(Decimal(0))
LEFT = AMOUNTS | st.just(Decimal(-1))
STATED_PRICES = st.sampled_from([*map(Decimal, ("-500", "0", "0.1", "100", "199.999999999", "200", "200.000000001", "220"))])
PRICES = st.none() | STATED_PRICES
GRADES = st.none() | st.integers(0, 3)
STATED_MOMENTS = st.integers(-30, 30).map(lambda hours: NOON + hours * HOUR)
MOMENTS = st.none() | STATED_MOMENTS
LATITUDES, LONGITUDES = st.integers(-1210, -1190).map(lambda n: n / 100), st.integers(-7710, -7690).map(lambda n: n / 100)
COMPATIBILITIES = st.tuples(*[st.sampled_from([0.0, 0.19, 0.2, 0.5 * 0.4, 0.55, 1.0])] * MATERIALS)


def offers_of(quantities: st.SearchStrategy[Decimal]) -> st.SearchStrategy[OfferRow]:
    """Offers of which this much is available."""
    return st.builds(
        OfferRow,
        id=IDS,
        party=PARTIES,
        material=st.integers(0, MATERIALS - 1),
        quantity_kg=quantities,
        minimum_lot_kg=AMOUNTS,
        is_divisible=st.booleans(),
        is_recurring=st.booleans(),
        latitude=LATITUDES,
        longitude=LONGITUDES,
        price=PRICES,
        grade=GRADES,
        available_from=MOMENTS,
        available_until=MOMENTS,
        published_at=STATED_MOMENTS,
        fresh_until=MOMENTS,
        fresh_hours=st.none() | st.sampled_from([1.0, 2.0, 3.0, 48.0]),
        half_distance_km=st.sampled_from([5.0, 60.0, 400.0]),
        regime=st.integers(0, REGIMES - 1),
    )


OFFERS, STOCKED_OFFERS = offers_of(AMOUNTS), offers_of(POSITIVE)
WANTS = st.builds(
    WantRow,
    id=IDS,
    party=PARTIES,
    compatibility=COMPATIBILITIES,
    minimum_kg=POSITIVE,
    still_wanted_kg=st.none() | LEFT,
    accepts_partial=st.booleans(),
    is_recurring=st.booleans(),
    latitude=LATITUDES,
    longitude=LONGITUDES,
    radius_km=st.sampled_from([1.0, 20.0, 500.0]),
    bid=PRICES,
    min_grade=GRADES,
    needed_from=MOMENTS,
    needed_until=MOMENTS,
    published_at=STATED_MOMENTS,
    admits=st.integers(0, 2**REGIMES - 1),
)


def random_offer(random: Random) -> OfferRow:
    """An offer that about one want in ten can take; many are twins but for their id."""
    is_recurring = random.random() < 0.3
    begin = NOON + random.randint(-100, 20) * HOUR
    return OfferRow(
        id=UUID(int=random.getrandbits(128)),
        party=UUID(int=random.randrange(40)),
        material=random.randrange(MATERIALS),
        quantity_kg=random.choice([Decimal(0), Decimal(800), Decimal(1000), Decimal("1200.5"), Decimal(9000)]),
        minimum_lot_kg=random.choice([Decimal(0), Decimal(0), Decimal(100), Decimal(1000)]),
        is_divisible=random.random() < 0.8,
        is_recurring=is_recurring,
        latitude=round(-12.05 + random.choice([0, 0, random.uniform(-2, 2)]), 2),
        longitude=round(-77.04 + random.choice([0, 0, random.uniform(-2, 2)]), 2),
        price=random.choice([None, Decimal(-20), Decimal(90), Decimal(150), Decimal(200)]),
        grade=random.choice([None, 1, 2, 3, 3]),
        available_from=random.choice([None, begin]),
        available_until=random.choice([None, begin + 150 * HOUR]),
        published_at=begin,
        fresh_until=None if is_recurring else random.choice([None, None, begin + random.randint(10, 90) * HOUR]),
        fresh_hours=random.choice([None, 4.0, 48.0]) if is_recurring else None,
        half_distance_km=random.choice([60.0, 200.0]),
        regime=random.randrange(REGIMES),
    )


def random_want(random: Random) -> WantRow:
    """A want of the same market."""
    begin = NOON + random.randint(-100, 20) * HOUR
    return WantRow(
        id=UUID(int=random.getrandbits(128)),
        party=UUID(int=random.randrange(40)),
        compatibility=tuple(random.choice([0.0, 0.19, 0.5 * 0.4, 0.6, 1.0, 1.0]) for _ in range(MATERIALS)),
        minimum_kg=random.choice([Decimal(200), Decimal(500), Decimal(1000), Decimal(2000)]),
        still_wanted_kg=random.choice([None, Decimal(0), Decimal(1000), Decimal("1200.5"), Decimal(3000), Decimal(10000)]),
        accepts_partial=random.random() < 0.5,
        is_recurring=random.random() < 0.3,
        latitude=round(-12.05 + random.choice([0, 0, random.uniform(-2, 2)]), 2),
        longitude=round(-77.04 + random.choice([0, 0, random.uniform(-2, 2)]), 2),
        radius_km=random.choice([60.0, 300.0, 1000.0]),
        bid=random.choice([None, Decimal(150), Decimal(200), Decimal(260)]),
        min_grade=random.choice([None, 0, 1, 2]),
        needed_from=random.choice([None, begin]),
        needed_until=random.choice([None, begin + 150 * HOUR]),
        published_at=begin,
        admits=random.choice([0b111, 0b111, 0b101, 0b010]),
    )


def index_of(offers: Iterable[OfferRow], wants: Iterable[WantRow]) -> Index:
    """An index in which these stand."""
    index = Index(MATERIALS, TERMS)
    for offer in offers:
        index.put_offer(offer)
    for want in wants:
        index.put_want(want)
    return index


def random_market(seed: int, size: int) -> tuple[list[OfferRow], list[WantRow]]:
    """As many offers as wants."""
    random = Random(seed)
    return [random_offer(random) for _ in range(size)], [random_want(random) for _ in range(size)]
