"""The standing listings of one side as columns: one growing array a field, in no order; a removed row is replaced by the last.

Load-bearing: what gates compare is derived here, when a row is put, from exact decimals (lo, five times lo), never from doubles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.exact import ALWAYS, NEVER, Claims, Slots, halves, microseconds, split
from services.matching.engine.rows import OfferRow, WantRow
from services.matching.engine.terms import Terms

Row = TypeVar("Row", OfferRow, WantRow)
Values = dict[str, Any]
Storage = dict[str, NDArray[Any]]
REGIMES = 63  # bits of a signed integer
ROOM = 64

OBJECTS = ("id",)
INTEGERS = ("begin", "end", "published", "grade", "material", "fresh_until", "regime_bit", "admits")
UNSIGNED = ("id_high", "id_low", "party_high", "party_low")
CLAIMS = ("is_recurring", "is_priced", "is_graded", "is_divisible", "has_maximum", "accepts_partial")


KINDS = {**dict.fromkeys(OBJECTS, "O"), **dict.fromkeys(INTEGERS, "i8"), **dict.fromkeys(UNSIGNED, "u8"), **dict.fromkeys(CLAIMS, "?")}
DOUBLE = "f8"  # what is not listed


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


def _window(begin: Any, end: Any) -> Values:
    return {"begin": microseconds(begin, ALWAYS), "end": microseconds(end, NEVER)}


def _amount(name: str, value: Any) -> Values:
    nearest, rest = split(value)
    return {name: nearest, f"{name}_rest": rest}


def _price(price: Any) -> Values:
    return {"is_priced": False, "price": 0.0, "price_rest": 0.0} if price is None else {"is_priced": True, **_amount("price", price)}


def _grade(grade: int | None) -> Values:
    return {"is_graded": grade is not None, "grade": grade or 0}


@dataclass(frozen=True, slots=True)
class Table:
    """Some rows of one side, or one (an integer): a field is read by its name, [N] or a single number."""

    columns: Mapping[str, NDArray[Any]]
    slots: Slots | int

    def __getitem__(self, name: str) -> NDArray[Any]:
        found: NDArray[Any] = self.columns[name][..., self.slots]
        return found

    def only(self, keep: Claims | Slots) -> Table:
        """The rows claimed, or at these places among these; the one row, if it is one."""
        return self if isinstance(self.slots, int) else Table(self.columns, self.slots[keep])


def single(values: Values) -> Table:
    """A table of one row, [1]."""
    return Table({name: np.array(value, KINDS.get(name, DOUBLE))[..., None] for name, value in values.items()}, np.zeros(1, np.intp))


class Columns(Generic[Row]):
    """One side's rows, by id. values: how a row becomes fields; it raises before anything has changed."""

    def __init__(self, values: Callable[[Row], Values]) -> None:
        self._values: Callable[[Row], Values] = values
        self._storage: Storage = {}
        self._rows: list[Row] = []
        self._slots: dict[UUID, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def slot(self, id: UUID) -> int | None:
        """Where a row stands now."""
        return self._slots.get(id)

    def get(self, id: UUID) -> Row | None:
        """The row as it was put."""
        slot = self._slots.get(id)
        return None if slot is None else self._rows[slot]

    def one(self, slot: int) -> Table:
        """The row in this slot."""
        return Table(self._storage, slot)

    def all(self) -> Table:
        """Every row that stands."""
        return Table(self._storage, np.arange(len(self._rows)))

    def put(self, row: Row) -> None:
        """Inserts, or replaces by id."""
        values = self._values(row)
        slot = self._slots.get(row.id, len(self._rows))
        self._make_room(slot, values)
        for name, value in values.items():
            self._storage[name][..., slot] = value
        if slot == len(self._rows):
            self._rows.append(row)
        self._rows[slot], self._slots[row.id] = row, slot

    def remove(self, id: UUID) -> None:
        """Harmless for what is not there."""
        slot = self._slots.pop(id, None)
        if slot is None:
            return
        last, row = len(self._rows) - 1, self._rows.pop()
        if slot != last:
            self._rows[slot], self._slots[row.id] = row, slot
        for column in self._storage.values():
            column[..., slot] = column[..., last]
        self._storage["id"][last] = None

    def _make_room(self, slot: int, values: Values) -> None:
        if not self._storage:
            self._storage = {name: _empty(name, value) for name, value in values.items()}
        elif slot == len(self._storage["id"]):
            self._storage = {name: _doubled(column) for name, column in self._storage.items()}


def _empty(name: str, value: Any) -> NDArray[Any]:
    """Room for such values."""
    return np.zeros((*np.shape(value), ROOM), KINDS.get(name, DOUBLE))


def _doubled(column: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([column, np.zeros_like(column)], axis=-1)
