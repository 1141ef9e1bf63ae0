"""From the bytes of a CSV file to its rows: encoding, separator, names of the columns, lines as the spreadsheet counts them.

Whatever keeps the whole file from being read is said here, with what to change in the spreadsheet that wrote it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from kit.problems import BadRequest, FieldError, Unprocessable
from services.listings.spreadsheet.cells import Habits, habits_of
from services.listings.spreadsheet.columns import COLUMNS, NUMBERS, REQUIRED, TIMES, SideName

SAVE_AS = "in Excel choose `Save as`, `CSV UTF-8 (comma delimited)`"
OTHER_FILES = {
    b"\xff\xfe": f"the file is UTF-16, Excel's `Unicode Text`: {SAVE_AS}",
    b"\xfe\xff": f"the file is UTF-16, Excel's `Unicode Text`: {SAVE_AS}",
    b"PK\x03\x04": f"the file is a workbook (.xlsx or .ods), no CSV: {SAVE_AS}",
    b"\xd0\xcf\x11\xe0": f"the file is a workbook (.xls), no CSV: {SAVE_AS}",
}
SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)  # for Excel, which does not count it as a line
LINES_BEFORE_HEADER = 10  # how far down the names of the columns are looked for, to say where they stand


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the spreadsheet: its number as the spreadsheet counts (the header is 1), its stated cells by column.

    has_more: there are cells behind the last column."""

    line: int
    cells: Mapping[str, str]
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole file. habits: how its spreadsheet writes numbers and dates."""

    rows: tuple[Row, ...]
    habits: Habits


def read_sheet(content: bytes, side: SideName) -> Sheet:
    """Raises 400 for what is no CSV in UTF-8, 422 for columns that are unknown, twice there, or missing."""
    separator, text = _separated(_decoded(content))
    records = _records(text, separator)
    columns = _columns(next(records, []), records, side)
    rows = tuple(_rows(columns, records))
    numbers = (cell for row in rows for column, cell in row.cells.items() if column in NUMBERS)
    times = (cell for row in rows for column, cell in row.cells.items() if column in TIMES)
    return Sheet(rows, habits_of(separator, numbers, times))


def _decoded(content: bytes) -> str:
    for begin, problem in OTHER_FILES.items():
        if content.startswith(begin):
            raise BadRequest(problem)
    try:
        text = content.decode("utf-8-sig").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line, near = content.count(b"\n", 0, error.start) + 1, content[max(0, error.start - 12) : error.start + 12]
        words = re.split(r"[\r\n]", near.decode("cp1252", "replace"))
        said = max(words, key=len)
        raise BadRequest(f"the file is not UTF-8 (line {line}, near {said!r}, is Latin-1 or Windows-1252): {SAVE_AS}") from None
    if "\0" in text:
        raise BadRequest(f"the file holds NUL characters: it is no CSV in UTF-8: {SAVE_AS}")
    return text


def _separated(text: str) -> tuple[str, str]:
    """The separator, as the first line shows it, and the text without a line that only names it."""
    named = SEPARATOR_LINE.match(text)
    if named is not None:
        separator, text = named[1], text[named.end() :]
    else:
        header = re.split(r"[\r\n]", text, maxsplit=1)[0]
        separator = max(",;\t|", key=header.count)  # of those that do not occur, the first
    if separator not in (",", ";"):
        raise BadRequest(f"the cells are separated by {separator!r}: separate them with , or ; ({SAVE_AS})")
    return separator, text


def _records(text: str, separator: str) -> Iterator[list[str]]:
    """Line by line as a spreadsheet counts them: a quoted line break begins none, an empty line is one."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    began = 1
    try:
        for cells in reader:
            yield cells
            began = reader.line_num + 1
    except csv.Error as error:
        raise BadRequest(
            f"the file cannot be read as CSV from its line {began} on ({error}): a quote inside a cell is written twice,"
            " and a cell that begins with a quote ends with one"
        ) from None


def _columns(header: Sequence[str], rest: Iterator[list[str]], side: SideName) -> list[str]:
    columns = _names(header)
    if not (errors := _faults(columns, side)):
        return columns
    other: SideName = "want" if side == "offer" else "offer"
    if not _faults(columns, other):
        raise Unprocessable(f"these are the columns of {other}s: send the file to /v1/{other}s/import", errors)
    for number, cells in enumerate(islice(rest, LINES_BEFORE_HEADER), start=2):
        if not _faults(_names(cells), side):
            raise Unprocessable(f"the names of the columns stand on line {number}: delete the lines above it", errors)
    if not columns:
        raise BadRequest("the first line is empty: it names the columns")
    said = "; ".join(f"{one.field}: {one.message}" for one in errors)
    raise Unprocessable(f"{said}. The columns of {side}s are {', '.join(COLUMNS[side])}", errors)


def _names(header: Sequence[str]) -> list[str]:
    names = [name.strip().lower() for name in header]
    while names and not names[-1]:
        names.pop()
    return names


def _faults(columns: Sequence[str], side: SideName) -> list[FieldError]:
    known = COLUMNS[side]
    errors = [
        FieldError(name[:80] or f"column {number}", f"is no column of {side}s: delete it, or correct its name")
        for number, name in enumerate(columns, start=1)
        if name not in known
    ]
    twice = sorted({name for name in columns if name in known and columns.count(name) > 1})
    errors += [FieldError(name, "stands twice in the first line: delete one of the two columns") for name in twice]
    errors += [FieldError(name, "is missing in the first line: add this column") for name in REQUIRED[side] if name not in columns]
    return errors


def _rows(columns: Sequence[str], records: Iterator[list[str]]) -> Iterator[Row]:
    """Empty lines, and empty cells to the right, are what spreadsheets leave behind: they say nothing."""
    for line, cells in enumerate(records, start=2):
        stated = {name: _plain(cell) for name, cell in zip(columns, cells, strict=False) if cell and not cell.isspace()}
        has_more = len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :])
        if stated or has_more:
            yield Row(line, stated, has_more)


def _plain(cell: str) -> str:
    """Without the spaces around it, and with one kind of line break."""
    return (cell.replace("\r\n", "\n").replace("\r", "\n") if "\r" in cell else cell).strip()
