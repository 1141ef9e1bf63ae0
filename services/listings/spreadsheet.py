"""Spreadsheets as people save them: CSV in UTF-8 with or without BOM, comma or semicolon, decimal comma or point (api.md, CSV import).

Pure: bytes to rows to what a draft is made of. Load-bearing: an error names the column as the spreadsheet does, and the line as it counts.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from typing import Any

from kit.problems import BadRequest, FieldError, Unprocessable

COMMON = ("external_id", "site", "title", "description", "rhythm", "publish")
OFFER_COLUMNS = (
    *("external_id", "site", "material", "title", "description", "quantity_amount", "quantity_unit", "rhythm", "divisible"),
    *("minimum_lot_amount", "minimum_lot_unit", "price_amount", "price_per", "grade", "available_from", "available_until"),
    *("own_process_by_product", "directly_usable", "post_consumer", "same_process", "ancillary_activity", "mixed_with_hazardous"),
    "publish",
)
WANT_COLUMNS = (
    *("external_id", "site", "accepts", "title", "description", "minimum_amount", "minimum_unit", "maximum_amount", "maximum_unit"),
    *("accept_partial", "rhythm", "radius_km", "max_price_amount", "max_price_per", "min_grade", "needed_from", "needed_until", "publish"),
)
REQUIRED = {
    "offer": ("external_id", "material", "title", "quantity_amount", "quantity_unit"),
    "want": ("external_id", "accepts", "title", "minimum_amount", "minimum_unit", "radius_km"),
}
FACTS = OFFER_COLUMNS[16:22]
YES = frozenset({"true", "si", "sí", "yes", "1", "verdadero"})
NO = frozenset({"false", "no", "0", "falso"})
MAX_CELL = 10_000
FORMULA = ("=", "@")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the spreadsheet: its number as the spreadsheet counts (the header is 1), its stated cells by column."""

    line: int
    cells: Mapping[str, str]


class CellError(ValueError):
    """One cell that cannot be understood."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole file. uses_decimal_comma: a comma may stand before the decimals, because it does not separate the cells."""

    rows: tuple[Row, ...]
    uses_decimal_comma: bool


def read_sheet(content: bytes, side: str) -> Sheet:
    """Raises 400 for what is no CSV in UTF-8, 422 for columns that are unknown, twice there, or missing."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("the file is not UTF-8: in Excel choose `Save as`, `CSV UTF-8 (comma delimited)`") from None
    if "\0" in text:
        raise BadRequest("the file holds NUL characters: it is no CSV. Save the spreadsheet as CSV UTF-8")
    header = text.split("\n", 1)[0]
    separator = ";" if header.count(";") > header.count(",") else ","
    try:
        lines = list(_lines(text, separator))
    except csv.Error as error:
        raise BadRequest(f"the file cannot be read as CSV: {error}") from None
    if not lines:
        raise BadRequest("the file is empty: its first line names the columns")
    columns = _columns(lines[0][1], side)
    rows = [Row(number, _cells(columns, cells)) for number, cells in lines[1:] if any(cell.strip() for cell in cells)]
    return Sheet(tuple(rows), separator == ";")


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line on which it begins: a quoted cell may hold line breaks."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1


def _columns(names: Sequence[str], side: str) -> list[str]:
    known = OFFER_COLUMNS if side == "offer" else WANT_COLUMNS
    columns = [name.strip().lower() for name in names]
    while columns and not columns[-1]:
        columns.pop()
    errors = [
        FieldError(name or "(no name)", f"is no column of {side}s; known: {', '.join(known)}") for name in columns if name not in known
    ]
    errors += [FieldError(name, "stands twice in the first line") for name in sorted({one for one in columns if columns.count(one) > 1})]
    errors += [FieldError(name, "is missing in the first line") for name in REQUIRED[side] if name not in columns]
    if errors:
        raise Unprocessable("; ".join(f"{one.field}: {one.message}" for one in errors), errors)
    return columns


def _cells(columns: list[str], cells: list[str]) -> dict[str, str]:
    found = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if cell.strip()}
    if any(cell.strip() for cell in cells[len(columns) :]):
        found["(beyond the last column)"] = "x"
    return found


@dataclass(frozen=True, slots=True)
class Reader:
    """Cells to values. zone: of a date without a time. sites: the organisation's, by id and by name."""

    uses_decimal_comma: bool
    zone: timezone
    sites: Mapping[str, str]

    def offer(self, row: Row) -> dict[str, Any]:
        """What an OfferDraft is made of. Raises CellError."""
        return self._listing(row) | {
            "material": row.cells.get("material"),
            "quantity": self._quantity(row, "quantity"),
            "minimum_lot": self._quantity(row, "minimum_lot"),
            "price": self._price(row, "price"),
            "grade": row.cells.get("grade", "").upper() or None,
            "divisible": self._choice(row, "divisible", default=True),
            "available_from": self._time(row, "available_from", time.min),
            "available_until": self._time(row, "available_until", time(23, 59, 59)),
            "facts": {name: self._choice(row, name) for name in FACTS},
        }

    def want(self, row: Row) -> dict[str, Any]:
        """What a WantDraft is made of. Raises CellError."""
        return self._listing(row) | {
            "accepts": self._accepts(row),
            "minimum": self._quantity(row, "minimum"),
            "maximum": self._quantity(row, "maximum"),
            "accept_partial": self._choice(row, "accept_partial", default=False),
            "radius_km": self._number(row, "radius_km"),
            "max_price": self._price(row, "max_price"),
            "min_grade": row.cells.get("min_grade", "").upper() or None,
            "needed_from": self._time(row, "needed_from", time.min),
            "needed_until": self._time(row, "needed_until", time(23, 59, 59)),
        }

    def wants_publication(self, row: Row) -> bool:
        """The column `publish`."""
        return bool(self._choice(row, "publish", default=False))

    def _listing(self, row: Row) -> dict[str, Any]:
        for column, cell in row.cells.items():
            if cell.startswith(FORMULA):
                raise CellError(column, "is a formula: paste its value instead")
            if len(cell) > MAX_CELL or column.startswith("("):
                raise CellError(column, "has more cells than the first line" if column.startswith("(") else "is far too long")
        same = {name: row.cells.get(name) for name in ("external_id", "title")}
        rhythm = row.cells.get("rhythm", "one_off").lower()
        return same | {"description": row.cells.get("description", ""), "rhythm": rhythm, "site_id": self._site(row)}

    def _site(self, row: Row) -> str | None:
        named = row.cells.get("site")
        if named is None:
            return None
        if (found := self.sites.get(named.lower())) is None:
            raise CellError(
                "site", f"no site of yours is called {named[:80]!r}; yours: {', '.join(sorted(set(self.sites) - set(self.sites.values())))}"
            )
        return found

    def _amount(self, row: Row, column: str) -> str | None:
        """A decimal as people type it: with a comma only where it is not ambiguous."""
        cell = row.cells.get(column)
        if cell is None:
            return None
        plain = cell.replace("\u00a0", "").replace(" ", "")
        if self.uses_decimal_comma and "." not in plain:
            plain = plain.replace(",", ".", 1)
        if not re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", plain, re.ASCII):
            raise CellError(column, f"{cell[:40]!r} is no number: write 1200.5, without separators of thousands")
        return plain

    def _number(self, row: Row, column: str) -> float | None:
        amount = self._amount(row, column)
        return None if amount is None else float(amount)

    def _quantity(self, row: Row, name: str) -> dict[str, str] | None:
        amount, unit = self._amount(row, f"{name}_amount"), row.cells.get(f"{name}_unit")
        if amount is None and unit is None:
            return None
        if amount is None or unit is None:
            raise CellError(f"{name}_amount" if amount is None else f"{name}_unit", "is empty: state the amount and its unit")
        return {"amount": amount, "unit": unit}

    def _price(self, row: Row, name: str) -> dict[str, str] | None:
        amount, per = self._amount(row, f"{name}_amount"), row.cells.get(f"{name}_per")
        if amount is None and per is None:
            return None
        if amount is None:
            raise CellError(f"{name}_amount", "is empty, though its unit is stated")
        return {"amount": amount, "per": per or "t"}

    def _accepts(self, row: Row) -> list[dict[str, Any]]:
        """`code=weight; code=weight`; no weight is 1."""
        entries = []
        for part in filter(None, (one.strip() for one in row.cells.get("accepts", "").split(";"))):
            code, _, weight = (piece.strip() for piece in part.partition("="))
            entry = Row(row.line, {"accepts": weight} if weight else {})
            number = self._number(entry, "accepts")
            entries.append({"material": code, "weight": 1.0 if number is None else number})
        return entries

    def _choice(self, row: Row, column: str, default: bool | None = None) -> bool | None:
        cell = row.cells.get(column)
        if cell is None:
            return default
        if cell.lower() in YES:
            return True
        if cell.lower() in NO:
            return False
        raise CellError(column, f"{cell[:40]!r} is neither yes nor no: write si or no")

    def _time(self, row: Row, column: str, of_day: time) -> str | None:
        """RFC 3339, or a day of the country: 2027-03-31 or 31/03/2027."""
        cell = row.cells.get(column)
        if cell is None:
            return None
        found = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})|(\d{1,2})/(\d{1,2})/(\d{4})", cell, re.ASCII)
        if found is None:
            return cell
        year, month, day = (int(part) for part in (found.group(1, 2, 3) if found[1] else found.group(6, 5, 4)))
        try:
            return datetime.combine(date(year, month, day), of_day, self.zone).isoformat()
        except ValueError:
            raise CellError(column, f"{cell} is no day of the calendar") from None


def column_of(field: str) -> str:
    """The column behind a dotted field of a draft: `quantity.amount` is `quantity_amount`."""
    first, _, rest = field.partition(".")
    if first == "accepts":
        return "accepts"
    if first == "facts":
        return rest or first
    if first == "site_id":
        return "site"
    if first in ("quantity", "minimum_lot", "price", "minimum", "maximum", "max_price"):
        return f"{first}_{rest}" if rest else f"{first}_amount"
    return first
