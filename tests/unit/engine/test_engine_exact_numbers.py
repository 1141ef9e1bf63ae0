"""Decimals in doubles, ids in integers, and rounding, against the language's own."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.engine.exact import at_most, halves, rounded, split

AMOUNTS = st.decimals(min_value=-(10**15), max_value=10**15, places=9, allow_nan=False)
SMALLEST = Decimal("0.000000001")


@settings(max_examples=500)
@given(AMOUNTS, AMOUNTS)
def test_split_decimals_compare_as_the_decimals_do(one: Decimal, other: Decimal) -> None:
    for left, right in ((one, other), (one, one), (one, one + SMALLEST), (one + SMALLEST, one)):
        assert bool(at_most(*map(np.float64, (*split(left), *split(right))))) == (left <= right)


@given(st.uuids(), st.uuids())
def test_the_halves_of_ids_order_as_their_text(one: UUID, other: UUID) -> None:
    assert (halves(one) < halves(other)) == (str(one) < str(other))


@settings(max_examples=300)
@given(st.lists(st.floats(0, 1) | st.integers(0, 10**10).map(lambda n: (n + 0.5) / 1e10), max_size=20))
def test_scores_are_rounded_as_by_the_language_also_at_a_half(values: list[float]) -> None:
    assert rounded(np.array(values), 10).tolist() == [round(value, 10) for value in values]


@settings(max_examples=300)
@given(st.lists(st.floats(0, 20038) | st.integers(0, 20038 * 10**6).map(lambda n: (n + 0.5) / 1e6), max_size=20))
def test_distances_are_rounded_as_by_the_language_also_at_a_half(values: list[float]) -> None:
    assert rounded(np.array(values), 6).tolist() == [round(value, 6) for value in values]
