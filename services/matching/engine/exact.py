"""Exact numbers in arrays of doubles and integers: decimals, moments, ids, and rounding as people round.

Load-bearing: a decimal is kept as two doubles, the nearest one and what remains. Rounding to the nearest never changes the order of two
numbers, so comparing first the nearest and then the rest compares the decimals themselves, to about 31 digits (amounts have at most 28).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Claims = NDArray[np.bool_]
Slots = NDArray[np.intp]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_PER_HOUR = 3_600_000_000
ALWAYS, NEVER = -(1 << 61), 1 << 61  # beyond every datetime, and the difference of the two still fits 64 bits
LOW_HALF = (1 << 64) - 1
DOUBTFUL = 1e-4  # a product of at most 1e11 is off by less than 2e-5


def split(value: Decimal) -> tuple[float, float]:
    """The nearest double, and the double nearest to what remains."""
    nearest = float(value)
    return nearest, float(value - Decimal(nearest))


def halves(id: UUID) -> tuple[int, int]:
    """Two 64-bit numbers that order as the id's text does."""
    return id.int >> 64, id.int & LOW_HALF


def microseconds(moment: datetime | None, missing: int) -> int:
    """Since 1970. Raises TypeError for a moment without a zone."""
    return missing if moment is None else (moment - EPOCH) // MICROSECOND


def at_most(nearest: Any, rest: Any, other_nearest: Any, other_rest: Any) -> Claims:
    """Whether one split decimal is less than or equal to another: [N], broadcast."""
    found: Claims = (nearest < other_nearest) | ((nearest == other_nearest) & (rest <= other_rest))
    return found


def rounded(values: Numbers, digits: int) -> Numbers:
    """As `round(value, digits)` does, element by element: [N].

    numpy.round rounds the product with a power of ten, which may lie on the other side of a half. Where the product is too near a half to
    tell (two in ten thousand), the decimal rounding of the language decides. Exact up to 1e11 / 10**digits.
    """
    scaled = values * 10.0**digits
    found: Numbers = np.rint(scaled) / 10.0**digits
    for place in np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5) < DOUBTFUL):
        found[place] = round(float(values[place]), digits)
    return found
