"""Peru's RUC (law.md, section 1): what is taken, in which form, and what a person is told of one that is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.countries import country

PERU = country("PE")
WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def with_check_digit(first_ten: str) -> str:
    """SUNAT's rule, written out a second time."""
    rest = sum(int(digit) * weight for digit, weight in zip(first_ten, WEIGHTS, strict=True)) % 11
    return first_ten + str((11 - rest) % 10)


@pytest.mark.parametrize("text", ["20512333797", "10054148289", " 20512333797 ", "20-51233379-7", "20 512 333 797"])
def test_a_ruc_is_normalised_when_it_is_valid_however_it_is_spaced(text: str) -> None:
    assert PERU.normal_tax_id(text) in {"20512333797", "10054148289"}


@given(prefix=st.sampled_from(["10", "15", "16", "17", "20"]), middle=st.integers(0, 99_999_999))
def test_every_prefix_is_taken_with_its_check_digit_and_refused_with_any_other(prefix: str, middle: int) -> None:
    ruc = with_check_digit(f"{prefix}{middle:08}")

    assert PERU.normal_tax_id(ruc) == ruc
    for wrong in set("0123456789") - {ruc[-1]}:
        with pytest.raises(ValueError, match="last digit"):
            PERU.normal_tax_id(ruc[:-1] + wrong)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("20512333798", "last digit"),
        ("2051233379", "has 10"),
        ("205123337970", "has 12"),
        ("1699999999", "has 10"),
        ("30512333797", "begins with 10, 15, 16, 17 or 20, and this with 30"),
        ("05414828", "DNI"),
        ("2051233379X", "digits only"),
        ("٢٠٥١٢٣٣٣٧٩٧", "digits only"),
        ("", "digits only"),
        (" - ", "digits only"),
    ],
)
def test_a_wrong_ruc_is_refused_saying_what_is_wrong_with_it(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PERU.normal_tax_id(text)
