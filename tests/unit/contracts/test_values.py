"""What may cross an edge, and what is refused there."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contracts.values import Amount, Line, PositiveQuantity, Price, Time, plain

amounts, lines, times = TypeAdapter(Amount), TypeAdapter(Line), TypeAdapter(Time)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**14), max_value=10**14))
def test_an_amount_comes_back_exactly(amount: Decimal) -> None:
    text = plain(amount)
    assert amounts.validate_python(text) == amount
    assert amounts.dump_python(amounts.validate_python(text)) == text


@pytest.mark.parametrize(
    "hostile", ["NaN", "Infinity", "1E+9", "1e5", "", " 1", "1,5", "+1", "0x1", "1" * 16, "0." + "1" * 10, 1, 1.5, True, None, "١", []]
)
def test_an_amount_is_a_plain_decimal_as_text(hostile: Any) -> None:
    with pytest.raises(ValidationError):
        amounts.validate_python(hostile)


@pytest.mark.parametrize("hostile", ["a\0b", "\ud800", "", "   ", "x" * 201, "a\x07b", 5])
def test_a_line_is_text_that_can_be_read_and_stored(hostile: Any) -> None:
    with pytest.raises(ValidationError):
        lines.validate_python(hostile)


@pytest.mark.parametrize(
    "hostile",
    [
        *("2027-01-01T00:00:00", "2027-01-01", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        *(1_700_000_000, "1700000000", "0", "x", ""),
    ],
)
def test_a_time_is_text_with_a_zone_and_a_year_of_our_days(hostile: Any) -> None:
    with pytest.raises(ValidationError):
        times.validate_python(hostile)


def test_a_time_becomes_utc() -> None:
    assert times.validate_python("2026-11-24T09:00:00-05:00") == datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert times.dump_json(times.validate_python("2026-11-24T09:00:00-05:00")) == b'"2026-11-24T14:00:00Z"'


def test_a_price_may_be_negative_a_quantity_not() -> None:
    assert Price.model_validate({"amount": "-20.5", "currency": "PEN", "per": "t"}).amount == Decimal("-20.5")
    for amount in ("0", "-1"):
        with pytest.raises(ValidationError, match="more than 0"):
            PositiveQuantity.model_validate({"amount": amount, "unit": "kg"})


def test_a_field_that_nobody_reads_is_refused() -> None:
    with pytest.raises(ValidationError, match="extra"):
        PositiveQuantity.model_validate({"amount": "1", "unit": "kg", "colour": "red"})
