"""Listings as columns: one growing array a side, one field a number, removed by moving the last row into the gap.

Load-bearing: an exact decimal is kept as two doubles, the nearest one and what remains (`_hi`, `_lo`), which compare like the decimal
itself for every amount that fits api.md's 15 and 9 digits.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.rows import OfferRow, WantRow

Table = NDArray[np.void]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
EARLIEST, LATEST = np.iinfo(np.int64).min // 4, np.iinfo(np.int64).max // 4
LOW_HALF = (1 << 64) - 1

COMMON = [
    ("id_hi", "u8"),
    ("id_lo", "u8"),
    ("party_hi", "u8"),
    ("party_lo", "u8"),
    ("latitude", "f8"),
    ("longitude", "f8"),
    ("cos_latitude", "f8"),
    ("is_recurring", "?"),
    ("begin", "i8"),
    ("end", "i8"),
    ("published", "i8"),
    ("price_hi", "f8"),
    ("price_lo", "f8"),
    ("grade", "f8"),
]
OFFER = np.dtype(
    [
        *COMMON,
        ("material", "i4"),
        ("q_hi", "f8"),
        ("q_lo", "f8"),
        ("lot_hi", "f8"),
        ("lot_lo", "f8"),
        ("is_divisible", "?"),
        ("fresh_until", "i8"),
        ("fresh_hours", "f8"),
        ("half_distance", "f8"),
        ("regime_bit", "i8"),
    ]
)


def want_dtype(materials: int) -> np.dtype[Any]:
    """high: hi (infinite if unstated); low: lo; five: five times lo."""
    numbers = [
        ("high_hi", "f8"),
        ("high_lo", "f8"),
        ("low_hi", "f8"),
        ("low_lo", "f8"),
        ("five_hi", "f8"),
        ("is_open_ended", "?"),
        ("accepts_partial", "?"),
        ("radius", "f8"),
        ("admits", "i8"),
        ("compatibility", "f8", (materials,)),
    ]
    return np.dtype([*COMMON, *numbers])


def exact(value: Decimal) -> tuple[float, float]:
    """The nearest double, and what remains."""
    nearest = float(value)
    return nearest, float(value - Decimal(nearest))


def stated(price: Decimal | None) -> tuple[float, float]:
    """A price, or NaN where it is unstated."""
    return (math.nan, 0.0) if price is None else exact(price)


def halves(id: UUID) -> tuple[int, int]:
    """Two numbers that order as the id's text does."""
    return id.int >> 64, id.int & LOW_HALF


def microseconds(moment: datetime | None, missing: int) -> int:
    """Since 1970; a missing end is open."""
    return missing if moment is None else (moment - EPOCH) // MICROSECOND


def _common(
    row: OfferRow | WantRow, begin: datetime | None, end: datetime | None, price: Decimal | None, grade: int | None
) -> tuple[Any, ...]:
    latitude = math.radians(row.latitude)
    window = (microseconds(begin, EARLIEST), microseconds(end, LATEST), microseconds(row.published_at, EARLIEST))
    place = (latitude, math.radians(row.longitude), math.cos(latitude))
    return (*halves(row.id), *halves(row.party), *place, row.is_recurring, *window, *stated(price), math.nan if grade is None else grade)


def offer_values(row: OfferRow) -> tuple[Any, ...]:
    """An offer as a row of OFFER."""
    common = _common(row, row.available_from, row.available_until, row.price, row.grade)
    amounts = (*exact(row.quantity_kg), *exact(row.minimum_lot_kg))
    fresh = (microseconds(row.fresh_until, LATEST), math.inf if row.fresh_hours is None else row.fresh_hours)
    return (*common, row.material, *amounts, row.is_divisible, *fresh, row.half_distance_km, 1 << row.regime)


def want_values(row: WantRow) -> tuple[Any, ...]:
    """A want as a row of want_dtype. lo and 5 lo are derived as decimals, because gates compare them."""
    common = _common(row, row.needed_from, row.needed_until, row.bid, row.min_grade)
    high = row.still_wanted_kg
    low = row.minimum_kg if high is None else min(row.minimum_kg, high)
    amounts = (*((math.inf, 0.0) if high is None else exact(high)), *exact(low), float(5 * low), high is None)
    return (*common, *amounts, row.accepts_partial, row.radius_km, row.admits, row.compatibility)


class Columns:
    """The rows of one side. `table` holds exactly the rows that stand, in no order."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._storage: Table = np.zeros(64, dtype)
        self._places: dict[UUID, int] = {}
        self._ids: list[UUID] = []

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, id: UUID) -> bool:
        return id in self._places

    @property
    def table(self) -> Table:
        return self._storage[: len(self._ids)]

    @property
    def ids(self) -> list[UUID]:
        return self._ids

    def row(self, id: UUID) -> Table:
        """A table of this one row. Raises KeyError."""
        place = self._places[id]
        return self._storage[place : place + 1]

    def put(self, id: UUID, values: tuple[Any, ...]) -> None:
        """Inserts, or replaces by id."""
        place = self._places.get(id)
        if place is None:
            place = self._places[id] = len(self._ids)
            self._ids.append(id)
            if place == len(self._storage):
                self._storage = np.concatenate([self._storage, np.zeros_like(self._storage)])
        self._storage[place] = values

    def remove(self, id: UUID) -> None:
        """Harmless for what is not there."""
        place = self._places.pop(id, None)
        if place is None:
            return
        last = self._ids.pop()
        if last != id:
            self._ids[place], self._places[last] = last, place
            self._storage[place] = self._storage[len(self._ids)]
