"""Cells of CSV files that people open in spreadsheets: text that cannot become a formula, and back again; rows as bytes.

Load-bearing: `harmless` (reliability.md, section 6.6; ASVS 5.0.0, 1.2.10). Text goes through it, figures from typed columns do not, so
that -20.5 stays a number. `as_typed` undoes it to the character: what was exported is imported as it was.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Literal

MEDIA_TYPE = "text/csv"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # by it Excel knows that a CSV file is UTF-8
SEPARATORS = {"comma": ",", "semicolon": ";"}
SeparatorName = Literal["comma", "semicolon"]

# A cell may begin behind any character that some spreadsheet takes for a separator: a file with commas is split at semicolons where the
# list separator is one, as in Peru. The last four that begin a formula are =, +, - and @ of full width.
_CELL_BEGINS = r"(?:\A|(?<=[,;|\t\r\n]))"
_BY_FORMULA = "(?='*(?:[\\t\\r]|[^\\S\\t\\r\\n]*[=+\\-@\\0\uff1d\uff0b\uff0d\uff20]))"
_DANGER = re.compile(_CELL_BEGINS + _BY_FORMULA)
_ESCAPED = re.compile(f"{_CELL_BEGINS}'{_BY_FORMULA}")


def harmless(text: str) -> str:
    """Text for a cell, with an apostrophe before what a spreadsheet would calculate."""
    return _DANGER.sub("'", text)


def as_typed(text: str) -> str:
    """The text behind `harmless`."""
    return _ESCAPED.sub("", text)


def csv_lines(rows: Iterable[Sequence[str]], separator: str) -> bytes:
    """Rows of cells as RFC 4180 has them."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


async def csv_file(columns: Sequence[str], pages: AsyncIterator[Sequence[Sequence[str]]], separator: str) -> AsyncIterator[bytes]:
    """A whole file, page by page: the mark, the names of the columns, the rows."""
    yield BYTE_ORDER_MARK + csv_lines([columns], separator)
    async for page in pages:
        yield csv_lines(page, separator)
