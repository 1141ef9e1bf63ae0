"""What a row becomes as fields of columns: the numbers that gates and factors read, by name.

Load-bearing: what gates compare is derived here from exact decimals (lo, and five times lo), never from doubles.
"""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.matching.engine.exact import ALWAYS, NEVER, halves, microseconds, split
from services.matching.engine.rows import OfferRow, WantRow
from services.matching.engine.terms import Terms

REGIMES = 63  # bits of a signed integer

OBJECTS = ("id",)
INTEGERS = ("begin", "end", "published", "grade", "material", "fresh_until", "regime_bit", "admits")
UNSIGNED = ("id_high", "id_low", "party_high", "party_low")
CLAIMS = ("is_recurring", "is_priced", "is_graded", "is_divisible", "has_maximum", "accepts_partial")
KINDS = {**dict.fromkeys(OBJECTS, "O"), **dict.fromkeys(INTEGERS, "i8"), **dict.fromkeys(UNSIGNED, "u8"), **dict.fromkeys(CLAIMS, "?")}
DOUBLE = "f8"  # what is not listed
Values = dict[str, Any]


def offer_values(row: OfferRow, materials: int) -> Values:
    """An offer, by column. Freshness is a date for one lot and a time for a stream (matching.md, section 1).

    Raises ValueError for a material or a regime that has no number here."""
    if not (0 <= row.material < materials and 0 <= row.regime < REGIMES):
        raise ValueError(f"offer {row.id}: material {row.material} of {materials}, regime {row.regime} of {REGIMES}")
    return {
        **_shared(row),
        **_window(row.available_from, row.available_until),
        **_price(row.price),
        **_grade(row.grade),
        **_amount("quantity", row.quantity_kg),
        **_amount("lot", row.minimum_lot_kg),
        "is_divisible": row.is_divisible,
        "material": row.material,
        "half_distance_km": row.half_distance_km,
        "fresh_until": microseconds(None if row.is_recurring else row.fresh_until, NEVER),
        "fresh_hours": row.fresh_hours if row.is_recurring and row.fresh_hours is not None else math.inf,
        "regime_bit": 1 << row.regime,
    }


def want_values(row: WantRow, materials: int, terms: Terms) -> Values:
    """A want, by column: high is hi, low is lo, and `open_high` what stands for hi where no maximum is stated (but for the offer's lot).

    Raises ValueError for a compatibility that is not one number a material."""
    if len(row.compatibility) != materials or not 0 <= row.admits < 1 << REGIMES:
        raise ValueError(f"want {row.id}: compatibility with {len(row.compatibility)} of {materials} materials, admits {row.admits:b}")
    high = row.still_wanted_kg
    low = row.minimum_kg if high is None else min(row.minimum_kg, high)
    return {
        **_shared(row),
        **_window(row.needed_from, row.needed_until),
        **_price(row.bid),
        **_grade(row.min_grade),
        **({"high": math.inf, "high_rest": 0.0} if high is None else _amount("high", high)),
        **_amount("low", low),
        "open_high": float(terms.minima_without_maximum * low),
        "has_maximum": high is not None,
        "accepts_partial": row.accepts_partial,
        "radius_km": row.radius_km,
        "admits": row.admits,
        "compatibility": row.compatibility,
    }


def _shared(row: OfferRow | WantRow) -> Values:
    latitude, (id_high, id_low), (party_high, party_low) = math.radians(row.latitude), halves(row.id), halves(row.party)
    return {
        "id": row.id,
        "id_high": id_high,
        "id_low": id_low,
        "party_high": party_high,
        "party_low": party_low,
        "is_recurring": row.is_recurring,
        "latitude": latitude,
        "cosine": math.cos(latitude),
        "longitude": math.radians(row.longitude),
        "published": microseconds(row.published_at, ALWAYS),
    }


def _window(begin: datetime | None, end: datetime | None) -> Values:
    return {"begin": microseconds(begin, ALWAYS), "end": microseconds(end, NEVER)}


def _amount(name: str, value: Decimal) -> Values:
    nearest, rest = split(value)
    return {name: nearest, f"{name}_rest": rest}


def _price(price: Decimal | None) -> Values:
    return {"is_priced": False, "price": 0.0, "price_rest": 0.0} if price is None else {"is_priced": True, **_amount("price", price)}


def _grade(grade: int | None) -> Values:
    return {"is_graded": grade is not None, "grade": grade or 0}
