"""One offer's list against N standing wants of a bucket: the engine beside the plain reference, on the same offers, in the same run.

The workload is performance.md's for one family of 25 materials: Zipf popularity, wants of 1 to 6 codes, 25 Peruvian cities with Lima at
35 %, log-normal tonnes and prices, radius log-uniform. Ours also has lots, grades, rhythms, windows and regimes, which that workload
leaves out. Coordinates of the cities are rounded to 0.1 degrees.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from services.matching.engine import Index, OfferRow, Terms, WantRow
from tests.bench.report import Row, report
from tests.reference.scorer import WEIGHTS, ranked

SIZES = (1_000, 10_000, 100_000)
REFERENCE_SIZE, REFERENCE_OFFERS = 1_000, 20
OFFERS, BEST = 200, 50
MATERIALS, REGIMES = 25, 4
TERMS = Terms(freight_per_tonne_km=0.23, road_factor=1.4, lorry_kmh=40, handling_hours=2, weights=WEIGHTS)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMA = (-12.0, -77.0)
CITIES = (
    *((-16.4, -71.5), (-8.1, -79.0), (-6.8, -79.8), (-5.2, -80.6), (-12.1, -75.2), (-13.5, -72.0), (-9.1, -78.6), (-14.1, -75.7)),
    *((-3.7, -73.2), (-18.0, -70.2), (-15.5, -70.1), (-15.8, -70.0), (-8.4, -74.6), (-7.2, -78.5), (-13.2, -74.2), (-4.9, -80.7)),
    *((-9.9, -76.2), (-13.4, -76.1), (-3.6, -80.5), (-9.5, -77.5), (-11.1, -77.6), (-17.6, -71.3), (-6.5, -76.4), (-13.7, -76.2)),
)


class Drawing:
    """A seeded generator of the workload."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._popularity = [1 / (rank + 1) for rank in range(MATERIALS)]
        self._bases = [self._random.lognormvariate(math.log(400), 0.8) for _ in range(MATERIALS)]

    def offer(self) -> OfferRow:
        random, (latitude, longitude), (material,) = self._random, self._place(), self._materials(1)
        tonnes = random.lognormvariate(math.log(20), 1.2)
        return OfferRow(
            id=self._id(),
            party=UUID(int=random.randrange(20_000)),
            material=material,
            quantity_kg=kilograms(tonnes),
            minimum_lot_kg=kilograms(tonnes * random.choice([0, 0, 0.1, 0.3])),
            is_divisible=random.random() < 0.8,
            is_recurring=random.random() < 0.3,
            latitude=latitude,
            longitude=longitude,
            price=None if random.random() < 0.1 else self._price(material, 0.6),
            grade=random.choice([None, 0, 1, 2, 2, 3]),
            available_from=NOW,
            available_until=NOW + timedelta(days=random.randint(5, 90)),
            published_at=NOW,
            fresh_until=None,
            fresh_hours=None,
            half_distance_km=random.choice([60.0, 150.0, 400.0]),
            regime=random.choices(range(REGIMES), (60, 30, 5, 5))[0],
        )

    def want(self) -> WantRow:
        random, (latitude, longitude) = self._random, self._place()
        tonnes, accepted = (
            random.lognormvariate(math.log(20), 1.2),
            self._materials(random.choices(range(1, 7), (20, 25, 22, 15, 10, 8))[0]),
        )
        return WantRow(
            id=self._id(),
            party=UUID(int=random.randrange(20_000)),
            compatibility=tuple(random.choice([0.55, 0.8, 1.0]) if number in accepted else 0.0 for number in range(MATERIALS)),
            minimum_kg=kilograms(tonnes * random.uniform(0.2, 0.8)),
            still_wanted_kg=kilograms(tonnes * random.uniform(1.2, 4)),
            accepts_partial=random.random() < 0.3,
            is_recurring=random.random() < 0.3,
            latitude=latitude,
            longitude=longitude,
            radius_km=math.exp(random.uniform(math.log(20), math.log(1500))),
            bid=None if random.random() < 0.1 else self._price(min(accepted), 1.0),
            min_grade=random.choice([None, 0, 1, 2]),
            needed_from=NOW + timedelta(days=random.randint(-10, 20)),
            needed_until=None,
            published_at=NOW,
            admits=random.choices((0b0001, 0b0011, 0b1111), (30, 60, 10))[0],
        )

    def _id(self) -> UUID:
        return UUID(int=self._random.getrandbits(128))

    def _materials(self, count: int) -> set[int]:
        """So many different ones, the popular ones more often."""
        found: set[int] = set()
        while len(found) < count:
            found.update(self._random.choices(range(MATERIALS), self._popularity))
        return found

    def _price(self, material: int, share: float) -> Decimal:
        return Decimal(str(round(self._bases[material] * share * self._random.lognormvariate(0, 0.4), 2)))

    def _place(self) -> tuple[float, float]:
        random = self._random
        city = LIMA if random.random() < 0.35 else random.choice(CITIES)
        spread = (60 if random.random() < 0.1 else random.uniform(8, 15)) / 111
        return round(random.gauss(city[0], spread), 2), round(random.gauss(city[1], spread), 2)


def kilograms(tonnes: float) -> Decimal:
    """To the gram."""
    return Decimal(str(round(tonnes * 1000, 3)))


def timed(call: Callable[[OfferRow], object], offers: Sequence[OfferRow]) -> list[float]:
    """Milliseconds of each call."""
    spent = []
    for offer in offers:
        begin = time.perf_counter()
        call(offer)
        spent.append((time.perf_counter() - begin) * 1000)
    return spent


def row(engine: str, n: int, spent: list[float], note: str) -> Row:
    """One measurement, as performance.md writes it."""
    p50, p99 = statistics.median(spent), sorted(spent)[min(len(spent) - 1, math.ceil(0.99 * len(spent)) - 1)]
    per_second = 1000 * len(spent) / sum(spent)
    return {"bench": "engine", "engine": engine, "n": n, "p50_ms": p50, "p99_ms": p99, "per_second": per_second, "note": note}


def reference_row(offers: Sequence[OfferRow], wants: Sequence[WantRow], index: Index) -> Row:
    """The baseline; its lists must be the engine's, or the bench ends with an AssertionError."""

    def list_of(offer: OfferRow) -> list[UUID]:
        return [counterpart for counterpart, _ in ranked((want.id, offer, want) for want in wants)]

    some = offers[:REFERENCE_OFFERS]
    assert all(tuple(list_of(offer)) == index.rank_offer(offer.id).ids for offer in some), "the engine's lists are not the reference's"
    return row("plain reference", len(wants), timed(list_of, some), f"whole list, {len(some)} offers, same lists as the engine's")


def engine_rows(offers: Sequence[OfferRow], index: Index) -> list[Row]:
    """Whole lists and the best; warmed up on a few offers."""
    for offer in offers[:5]:
        index.rank_offer(offer.id)
    matches = statistics.mean(len(index.rank_offer(offer.id)) for offer in offers)
    whole, best = timed(lambda offer: index.rank_offer(offer.id), offers), timed(lambda offer: index.best("offer", offer.id, BEST), offers)
    return [
        row("numpy", index.wants, whole, f"whole list, {matches:.0f} matches on average"),
        row(f"numpy, best {BEST}", index.wants, best, f"the first {BEST} of it"),
    ]


def measure() -> list[Row]:
    """All rows; a ratio is how many times faster, by medians, on the offers and wants that the reference had."""
    drawing, index = Drawing(1), Index(MATERIALS, TERMS)
    offers = [drawing.offer() for _ in range(OFFERS)]
    for offer in offers:
        index.put_offer(offer)
    rows: list[Row] = []
    for size in SIZES:
        wants = [drawing.want() for _ in range(size - index.wants)]
        begin = time.perf_counter()
        for want in wants:
            index.put_want(want)
        per_put = (time.perf_counter() - begin) * 1000 / len(wants)
        if size == REFERENCE_SIZE:
            rows.append(reference_row(offers, wants, index))
            some = timed(lambda offer: index.rank_offer(offer.id), offers[:REFERENCE_OFFERS])
            same = row("numpy", size, some, "the reference's offers")
            rows.append(same | {"ratio_to": {"plain reference": rows[0]["p50_ms"] / same["p50_ms"]}})
        rows += engine_rows(offers, index)
        rows.append({"bench": "engine", "engine": "numpy, put", "n": size, "per_second": 1000 / per_put, "note": "a want into the index"})
    return rows


def test_bench_engine() -> None:
    rows = measure()
    report(rows)
    assert {row["n"] for row in rows} >= set(SIZES)
