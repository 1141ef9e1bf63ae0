"""The values that cross every edge of the house: amounts, units, prices, times, texts.

Load-bearing: `Amount` takes decimals as text only, so that no figure passes through a binary double on its way in or out.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)

AMOUNT_PATTERN = r"^-?\d{1,15}(\.\d{1,9})?$"
GRAM = Decimal("0.001")
KILOGRAMS_PER_TONNE = Decimal(1000)

Unit = Literal["kg", "t", "m3", "L", "unit"]
Grade = Literal["A", "B", "C", "D"]
Rhythm = Literal["one_off", "recurring"]
Language = Literal["es", "en"]
Evidence = Literal["declared", "document", "checked"]


class Value(BaseModel):
    """Something that crosses an edge: immutable, and refused when it carries a field that we do not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def parse_amount(value: Any) -> Decimal:
    """A decimal written as text, at most 15 digits before and 9 after the point, no exponent (api.md, Conventions)."""
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not re.fullmatch(AMOUNT_PATTERN, value, re.ASCII):
        raise ValueError('write a decimal as text, such as "1200.5": at most 15 digits before and 9 after the point, no exponent')
    return Decimal(value)


def plain(amount: Decimal) -> str:
    """The shortest text of a decimal, without exponent: 1200.500 is "1200.5"."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _positive(amount: Decimal) -> Decimal:
    if amount <= 0:
        raise ValueError("must be more than 0")
    return amount


Amount = Annotated[
    Decimal,
    BeforeValidator(parse_amount),
    PlainSerializer(plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": AMOUNT_PATTERN, "examples": ["1200.5"]}),
]
PositiveAmount = Annotated[Amount, AfterValidator(_positive)]


def _written_time(value: Any) -> Any:
    """Only text that begins with a day: a number, also as text, would be read as seconds since 1970, which nobody means."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.match(r"\d{4}-\d{2}-\d{2}[Tt ]", value, re.ASCII):
        raise ValueError('write a time as text with its zone, such as "2026-11-24T09:00:00-05:00"')
    return value


def _to_utc(value: datetime) -> datetime:
    """Years 1900 to 2200: beyond them a change of zone or an interval leaves what a calendar can say."""
    if not 1900 <= value.year <= 2200:
        raise ValueError("must lie between the years 1900 and 2200")
    return value.astimezone(UTC)


def rfc3339(value: datetime) -> str:
    """RFC 3339 in UTC, ending in Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


Time = Annotated[
    AwareDatetime,
    BeforeValidator(_written_time),
    AfterValidator(_to_utc),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-24T14:00:00Z"]}),
]


def _clean(text: str) -> str:
    """Text that a person can read and PostgreSQL can store: no NUL, no control characters, no lone surrogates."""
    for character in text:
        if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cs"):
            raise ValueError(f"holds a character that is no text (U+{ord(character):04X}); leave it out")
    return text.strip()


def _some(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _at_most(limit: int) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > limit:
            raise ValueError(f"is longer than {limit} characters")
        return text

    return AfterValidator(check)


def _text(limit: int, least: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": least, "maxLength": limit})


Word = Annotated[str, AfterValidator(_clean), AfterValidator(_some), _at_most(120), _text(120, 1)]
Line = Annotated[str, AfterValidator(_clean), AfterValidator(_some), _at_most(200), _text(200, 1)]
Paragraphs = Annotated[str, AfterValidator(_clean), _at_most(4000), _text(4000, 0)]
Phrase = Annotated[str, AfterValidator(_clean), _at_most(200), _text(200, 0)]


class Quantity(Value):
    """An amount in the unit its holder counts in; of a recurring listing, per 30 days."""

    amount: Amount
    unit: Unit


class PositiveQuantity(Quantity):
    """A quantity of something that is there: more than nothing."""

    amount: PositiveAmount


class Price(Value):
    """Soles (or the country's currency) per unit; negative where the holder pays to have the material taken."""

    amount: Amount
    currency: Literal["PEN"] = "PEN"
    per: Unit
