"""The files of `data/` as organisations, each with its sites, papers and listings.

Load-bearing: `tax_id`, the first column of every file, is all that ties them; `offers.csv` and `wants.csv` hold besides it exactly the
columns of the import (api.md, CSV import), so that what loads here loads as anybody's spreadsheet.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infra.sample.moments import moment

DATA = Path(__file__).with_name("data")
PASSWORD_PREFIX = "ayni-muestra-"  # noqa: S105 - of firms that do not exist
TIMES = frozenset({"available_from", "available_until", "needed_from", "needed_until"})
SIDES = ("offers", "wants")


class SampleError(RuntimeError):
    """The files are wrong, or the exchange refused a line of them."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: its number as a spreadsheet counts (the header is 1), and its cells by column."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SampleOrganisation:
    """A firm that does not exist. listings: by side, `offers` and `wants`."""

    cells: Mapping[str, str]
    sites: Sequence[Mapping[str, str]]
    licences: Sequence[Mapping[str, str]]
    listings: Mapping[str, Sequence[Line]]

    @property
    def tax_id(self) -> str:
        return self.cells["tax_id"]

    @property
    def password(self) -> str:
        """Anybody may sign in as a firm of the sample: README.md in this folder."""
        return PASSWORD_PREFIX + self.tax_id


def read_market(folder: Path = DATA) -> list[SampleOrganisation]:
    """Every organisation, in the order of `organisations.csv`. Raises SampleError naming the line that belongs to none."""
    firms = read_lines(folder / "organisations.csv")
    known = {line.cells["tax_id"] for line in firms}
    parts = {name: _by_tax_id(folder / f"{name}.csv", known) for name in ("sites", "licences", *SIDES)}
    return [_organisation(line, parts) for line in firms]


def _organisation(line: Line, parts: Mapping[str, Mapping[str, Sequence[Line]]]) -> SampleOrganisation:
    tax_id = line.cells["tax_id"]
    if not parts["sites"][tax_id]:
        raise SampleError(f"sites.csv has no site of {tax_id}, {line.cells['name']}")
    sites, licences = ([one.cells for one in parts[name][tax_id]] for name in ("sites", "licences"))
    return SampleOrganisation(line.cells, sites, licences, {side: parts[side][tax_id] for side in SIDES})


def _by_tax_id(path: Path, known: set[str]) -> Mapping[str, Sequence[Line]]:
    found: dict[str, list[Line]] = defaultdict(list)
    for line in read_lines(path):
        if line.cells["tax_id"] not in known:
            raise SampleError(f"{path.name} line {line.number}: organisations.csv has no tax id {line.cells['tax_id']!r}")
        found[line.cells["tax_id"]].append(line)
    return found


def read_lines(path: Path) -> list[Line]:
    """The lines below the header. Raises SampleError for a line with too few or too many cells."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        lines = [Line(reader.line_num, cells) for cells in reader]
    for line in lines:
        if None in line.cells or None in line.cells.values():
            raise SampleError(f"{path.name} line {line.number} has too few or too many cells")
    return lines


def spreadsheet(lines: Sequence[Line], now: datetime) -> bytes:
    """These listings as the import takes them: without the tax id, and with true times."""
    columns = [name for name in lines[0].cells if name != "tax_id"]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: moment(cell, now) if name in TIMES else cell for name, cell in line.cells.items()})
    return text.getvalue().encode()
