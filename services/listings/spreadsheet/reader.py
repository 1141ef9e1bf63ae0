"""From a row of cells to what a draft is made of; everything that is wrong with a row is found at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timezone
from typing import Any, TypeVar

from kit.csv_cells import as_typed
from kit.problems import FieldError
from services.listings.spreadsheet.cells import CellError, Habits, choice, moment, number
from services.listings.spreadsheet.columns import FACTS, TEXTS, SideName, column_of
from services.listings.spreadsheet.sheet import Row

Value = TypeVar("Value")
FORMULA = ("=", "@")
UNITS = {"kg": "kg", "t": "t", "m3": "m3", "m³": "m3", "l": "L", "unit": "unit"}
SHORTENED = re.compile(r"\d([.,]\d+)?E\+\d+", re.ASCII | re.IGNORECASE)
MIDNIGHT, LAST_SECOND = time.min, time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class Sites:
    """An organisation's sites as a spreadsheet may name them."""

    by_id: Mapping[str, str]
    by_name: Mapping[str, list[str]]

    @classmethod
    def of(cls, names: Mapping[str, str]) -> Sites:
        """names: of the sites, by id."""
        by_name: dict[str, list[str]] = {}
        for id, name in names.items():
            by_name.setdefault(name.strip().casefold(), []).append(id)
        return cls(names, by_name)

    def id_of(self, said: str) -> str:
        """Raises CellError."""
        if said.lower() in self.by_id:
            return said.lower()
        match self.by_name.get(said.casefold(), []):
            case [id]:
                return id
            case []:
                raise CellError(f"no site of yours is called {said[:80]!r}: write one of {', '.join(sorted(self.by_id.values()))[:400]}")
            case ids:
                raise CellError(f"several sites of yours are called {said[:80]!r}: write the id of the one that is meant, {', '.join(ids)}")

    def cell_of(self, id: str) -> str:
        """What names this site and no other: its name, or its id."""
        name = self.by_id[id]
        return name if self.by_name[name.strip().casefold()] == [id] and name.lower() not in self.by_id else id


@dataclass(slots=True)
class Reading:
    """One row on its way. What a cell with an error would have been is None."""

    row: Row
    habits: Habits
    zone: timezone
    sites: Sites
    errors: list[FieldError] = field(default_factory=list)

    def offer(self) -> dict[str, Any]:
        """The fields of an OfferDraft."""
        return self._listing() | {
            "material": self._cell("material"),
            "quantity": self._quantity("quantity"),
            "minimum_lot": self._quantity("minimum_lot"),
            "price": self._price("price"),
            "grade": self._upper("grade"),
            "divisible": self._read("divisible", choice, True),
            "available_from": self._time("available_from", MIDNIGHT),
            "available_until": self._time("available_until", LAST_SECOND),
            "facts": {name: self._read(name, choice) for name in FACTS},
        }

    def want(self) -> dict[str, Any]:
        """The fields of a WantDraft."""
        return self._listing() | {
            "accepts": self._accepts(),
            "minimum": self._quantity("minimum"),
            "maximum": self._quantity("maximum"),
            "accept_partial": self._read("accept_partial", choice, False),
            "radius_km": self._read("radius_km", self._figure),
            "max_price": self._price("max_price"),
            "min_grade": self._upper("min_grade"),
            "needed_from": self._time("needed_from", MIDNIGHT),
            "needed_until": self._time("needed_until", LAST_SECOND),
        }

    @property
    def is_to_publish(self) -> bool:
        return bool(self._read("publish", choice, False))

    def _listing(self) -> dict[str, Any]:
        if self.row.has_more:
            message = "the line has more cells than the first line: put text that holds the separator into double quotes"
            self.errors.append(FieldError("(behind the last column)", message))
        elif all(cell.lower() == column for column, cell in self.row.cells.items()):
            self.errors.append(FieldError("external_id", "the line repeats the names of the columns: delete it"))
        if "external_id" not in self.row.cells:
            self.errors.append(FieldError("external_id", "is empty: give every line a number or name of your own, and keep it"))
        rhythm = self._cell("rhythm")
        return {
            "external_id": self._cell("external_id"),
            "site_id": self._read("site", self.sites.id_of),
            "title": self._cell("title"),
            "description": self._cell("description") or "",
            "rhythm": rhythm.lower() if rhythm else "one_off",
        }

    def _read(self, column: str, meaning: Callable[[str], Value], default: Value | None = None) -> Value | None:
        """What the column's cell means; the default where it is empty."""
        if (cell := self._cell(column)) is None:
            return default
        try:
            return meaning(cell)
        except CellError as error:
            self.errors.append(FieldError(column, str(error)))
            return None

    def _cell(self, column: str) -> str | None:
        cell = self.row.cells.get(column)
        if cell is None:
            return None
        if cell.startswith(FORMULA):
            message = f"begins with {cell[0]}, as a formula does: put its value in its place, or an apostrophe before it if it is text"
            self.errors.append(FieldError(column, message))
            return None
        return as_typed(cell) if column in TEXTS else cell

    def _upper(self, column: str) -> str | None:
        cell = self._cell(column)
        return cell.upper() if cell else None

    def _amount(self, column: str) -> str | None:
        return self._read(column, lambda cell: number(cell, self.habits))

    def _figure(self, cell: str) -> float:
        return float(number(cell, self.habits))

    def _quantity(self, name: str) -> dict[str, str] | None:
        amount, unit = f"{name}_amount", f"{name}_unit"
        stated = [column for column in (amount, unit) if column in self.row.cells]
        if len(stated) == 1:
            empty = unit if stated == [amount] else amount
            self.errors.append(FieldError(empty, f"is empty, though {stated[0]} is stated: state both, or neither"))
            return None
        return {"amount": self._amount(amount) or "", "unit": self._unit(unit)} if stated else None

    def _unit(self, column: str) -> str:
        cell = self._cell(column) or ""
        return UNITS.get(cell.lower(), cell)

    def _price(self, name: str) -> dict[str, str] | None:
        amount, per = f"{name}_amount", f"{name}_per"
        if amount not in self.row.cells:
            if per in self.row.cells:
                self.errors.append(FieldError(amount, f"is empty, though {per} is stated: state the price, or neither"))
            return None
        return {"amount": self._amount(amount) or "", "per": self._unit(per) or "t"}

    def _accepts(self) -> list[dict[str, Any]]:
        """`code=weight; code=weight`; no weight is 1."""
        entries = []
        for part in filter(None, (one.strip() for one in (self._cell("accepts") or "").split(";"))):
            code, _, said = (piece.strip() for piece in part.partition("="))
            entries.append({"material": code, "weight": self._weight(part, said) if said else 1.0})
        return entries

    def _weight(self, part: str, said: str) -> float | None:
        try:
            return float(number(said.replace(",", "."), Habits(",")))
        except CellError:
            self.errors.append(FieldError("accepts", f"{part[:80]!r} is no material with a weight: write it as code=0.8; code=1"))
            return None

    def _time(self, column: str, of_day: time) -> datetime | str | None:
        return self._read(column, lambda cell: moment(cell, of_day, self.zone, self.habits))


def external_id_of(row: Row) -> str | None:
    """The line's own number or name, as it may stand on a listing."""
    cell = row.cells.get("external_id")
    return None if cell is None else as_typed(cell)


def is_cut_short(external_id: str) -> bool:
    """Whether it looks like a long number as a spreadsheet shows it, 1.23457E+15."""
    return SHORTENED.fullmatch(external_id) is not None


@dataclass(frozen=True, slots=True)
class Read:
    """What a row says. fields: of the draft, without those that are not stated; errors: of its single cells."""

    fields: dict[str, Any]
    is_to_publish: bool
    errors: list[FieldError]

    def covers(self, field: str) -> bool:
        """Whether the errors say already why this field of the draft is missing or wrong."""
        columns, column = {error.field for error in self.errors}, column_of(field)
        if "." in field or column in columns:
            return column in columns
        return any(one.startswith(f"{field}_") for one in columns)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the rows of a sheet. zone: of a time without one."""

    side: SideName
    habits: Habits
    zone: timezone
    sites: Sites

    def read(self, row: Row) -> Read:
        reading = Reading(row, self.habits, self.zone, self.sites)
        fields = reading.offer() if self.side == "offer" else reading.want()
        stated = {name: value for name, value in fields.items() if value is not None and value != []}
        return Read(stated, reading.is_to_publish, reading.errors)
