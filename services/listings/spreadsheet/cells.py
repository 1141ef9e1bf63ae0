"""What stands in a cell, as a value: numbers, times, yes and no, the ways in which spreadsheets of Peru, Spain and the US write them.

Load-bearing: nothing is guessed. 1.200 may be 1200 or 1.2, and 05/03/2027 may be in March or in May; which it is, the rest of the file
says (`Habits`), or the cell is refused with the words in which it can mean one thing only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timezone

PLAIN = re.compile(r"-?\d{1,400}(\.\d{1,400})?", re.ASCII)  # how many digits a column takes, its schema says
GROUPED = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)  # may be a group of three or three decimals
ONE_MARK = re.compile(r"-?\d+([.,])\d+", re.ASCII)
BOTH_MARKS = re.compile(r"-?\d{1,3}(([.,])\d{3})+([.,])\d+", re.ASCII)
YES = frozenset({"true", "si", "sí", "yes", "1", "verdadero"})
NO = frozenset({"false", "no", "0", "falso"})
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("ene jan enero january", "feb febrero february", "mar marzo march", "abr apr abril april", "may mayo", "jun junio june"),
            *("jul julio july", "ago aug agosto august", "set sep sept setiembre septiembre september", "oct octubre october"),
            *("nov noviembre november", "dic dec diciembre december"),
        ),
        start=1,
    )
    for name in names.split()
}
CLOCK = r"(?:,?\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?\s*(?P<half>[ap]\.?\s?m\.?)?)?"
YEAR_FIRST = re.compile(r"(?P<year>\d{4})([-/])(?P<month>\d{1,2})\2(?P<day>\d{1,2})" + CLOCK, re.ASCII | re.IGNORECASE)
YEAR_LAST = re.compile(r"(?P<one>\d{1,2})([-/.])(?P<two>\d{1,2})\2(?P<year>\d{4})" + CLOCK, re.ASCII | re.IGNORECASE)
MONTH_NAMED = re.compile(r"(?P<day>\d{1,2})[-/ ](?P<name>[a-z]{3,10})\.?[-/ ](?P<year>\d{4})" + CLOCK, re.ASCII | re.IGNORECASE)
SHORT_YEAR = re.compile(r"\d{1,2}([-/.])(\d{1,2}|[A-Za-z]{3}\.?)\1\d{2}\b.*", re.ASCII)
WITH_ZONE = re.compile(r"\d{4}-\d{2}-\d{2}([Tt].*|.*(Z|[+-]\d{2}:?\d{2}))")
DAYS_COUNTED = re.compile(r"\d{5}([.,]\d+)?", re.ASCII)
HOW_TO_WRITE_A_TIME = "write 2027-03-31, or 2027-03-31 14:30"


class CellError(ValueError):
    """A cell that cannot be understood: the message says what to change."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What a file shows of the spreadsheet that wrote it. separator: of its cells; the rest: what stands in it that reads one way only."""

    separator: str
    has_points: bool = False
    has_commas: bool = False
    has_days_first: bool = False
    has_months_first: bool = False

    @property
    def takes_days_first(self) -> bool:
        """05/03 is the fifth of March. A file with semicolons comes from a spreadsheet in Spanish; one with commas may come from any."""
        return self.has_days_first > self.has_months_first or (self.separator == ";" and not self.has_months_first)

    @property
    def takes_months_first(self) -> bool:
        return self.has_months_first > self.has_days_first

    def takes_as_decimal(self, mark: str) -> bool:
        """Whether three digits behind this mark are decimals. Where cells are separated by semicolons a comma is (api.md), unless the
        file has decimal points; a point is, if the file has decimal points that can be nothing else."""
        if self.separator == ",":
            return mark == "."
        return self.has_points if mark == "." else self.has_commas or not self.has_points


def habits_of(separator: str, numbers: Iterable[str], times: Iterable[str]) -> Habits:
    """From all cells of the file that hold numbers, and all that hold times."""
    marks = {mark for cell in numbers if (mark := _certain_mark(cell))}
    orders = {order for cell in times if (order := _certain_order(cell))}
    return Habits(separator, "." in marks, "," in marks, "day" in orders, "month" in orders)


def _certain_mark(cell: str) -> str | None:
    if (found := ONE_MARK.fullmatch(cell)) and not GROUPED.fullmatch(cell):
        return found[1]
    if (found := BOTH_MARKS.fullmatch(cell)) and found[2] != found[3]:
        return found[3]
    return None


def _certain_order(cell: str) -> str | None:
    if (found := YEAR_LAST.fullmatch(cell)) is None:
        return None
    one, two = int(found["one"]), int(found["two"])
    return "day" if one > 12 >= two else "month" if two > 12 >= one else None


def number(cell: str, habits: Habits) -> str:
    """A decimal as our API takes it. Raises CellError."""
    if PLAIN.fullmatch(cell) and ("." not in cell or not _is_doubtful(cell, ".", habits)):
        return cell
    found = ONE_MARK.fullmatch(cell)
    if found is None or not PLAIN.fullmatch(cell.replace(",", ".")):
        raise CellError(f"{cell[:40]!r} is no number: write 1200.5, without separators of thousands, units or currency")
    if _is_doubtful(cell, found[1], habits):
        whole, _, rest = cell.partition(found[1])
        decimal = "." if habits.separator == "," else found[1]
        exact = f"{whole}{decimal}{rest}"
        raise CellError(f"{cell!r} may mean {whole}{rest} or {exact}: write {whole}{rest}, or {exact}0 with a fourth decimal")
    if habits.separator == ",":
        raise CellError(f"{cell[:40]!r} has a comma: where commas separate the cells write {cell.replace(',', '.')[:40]}")
    return cell.replace(",", ".")


def _is_doubtful(cell: str, mark: str, habits: Habits) -> bool:
    return bool(GROUPED.fullmatch(cell)) and not habits.takes_as_decimal(mark)


def choice(cell: str) -> bool:
    """Yes or no. Raises CellError."""
    word = cell.lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise CellError(f"{cell[:40]!r} is neither yes nor no: write si or no")


def moment(cell: str, of_day: time, zone: timezone, habits: Habits) -> datetime | str:
    """A day, or a day and a time, of the country; of_day: what a day without a time means. What is written as in RFC 3339 stays text,
    for the schema to judge. Raises CellError."""
    if WITH_ZONE.fullmatch(cell):
        return cell
    cell = cell.replace("\u00a0", " ").replace("\u202f", " ")  # as in 2:30 p. m.
    if found := YEAR_FIRST.fullmatch(cell):
        return _at(cell, found, int(found["month"]), int(found["day"]), of_day, zone)
    if found := MONTH_NAMED.fullmatch(cell):
        return _at(cell, found, MONTHS.get(found["name"].lower(), 0), int(found["day"]), of_day, zone)
    if found := YEAR_LAST.fullmatch(cell):
        return _at(cell, found, *_month_and_day(cell, int(found["one"]), int(found["two"]), found["year"], habits), of_day, zone)
    if SHORT_YEAR.fullmatch(cell):
        raise CellError(f"{cell[:40]!r} has a year of two digits: {HOW_TO_WRITE_A_TIME}")
    if DAYS_COUNTED.fullmatch(cell):
        raise CellError(f"{cell[:40]!r} is how a spreadsheet counts days: format the column as a date, yyyy-mm-dd")
    raise CellError(f"{cell[:40]!r} is no day: {HOW_TO_WRITE_A_TIME}")


def _month_and_day(cell: str, one: int, two: int, year: str, habits: Habits) -> tuple[int, int]:
    """(month, day) where the order is certain, from the cell itself or from the rest of the file."""
    if one > 12 or one == two or (two <= 12 and habits.takes_days_first):
        return two, one
    if two > 12 or habits.takes_months_first:
        return one, two
    raise CellError(
        f"{cell[:40]!r} may mean {year}-{two:02}-{one:02} or {year}-{one:02}-{two:02}:"
        f" write the one that is meant (in the spreadsheet: format the cells as yyyy-mm-dd)"
    )


def _at(cell: str, found: re.Match[str], month: int, day: int, of_day: time, zone: timezone) -> datetime:
    try:
        clock = of_day if found["hour"] is None else time(_hour(found), int(found["minute"]), int(found["second"] or 0))
        return datetime.combine(date(int(found["year"]), month, day), clock, zone)
    except ValueError:
        raise CellError(f"{cell[:40]!r} is no day of the calendar, or no time of the day: {HOW_TO_WRITE_A_TIME}") from None


def _hour(found: re.Match[str]) -> int:
    hour = int(found["hour"])
    if found["half"] is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("a half of the day has twelve hours")
    return hour % 12 + (12 if found["half"].lower().startswith("p") else 0)
