"""Numbers, days and yes or no as spreadsheets write them: one reading, or none."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone

import pytest

from services.listings.spreadsheet.cells import CellError, Habits, choice, habits_of, moment, number

LIMA = timezone(timedelta(hours=-5))


def by_comma(*numbers: str) -> Habits:
    return habits_of(",", numbers, [])


def by_semicolon(*numbers: str) -> Habits:
    return habits_of(";", numbers, [])


@pytest.mark.parametrize(
    ("cell", "habits", "meant"),
    [
        ("1200", by_comma(), "1200"),
        ("-20.5", by_comma(), "-20.5"),
        ("12.345", by_comma(), "12.345"),
        ("0.125", by_comma(), "0.125"),
        ("999999999999999.123456789", by_comma(), "999999999999999.123456789"),
        ("1200,5", by_semicolon(), "1200.5"),
        ("-20,50", by_semicolon(), "-20.50"),
        ("1200.5", by_semicolon(), "1200.5"),
        ("12,345", by_semicolon(), "12.345"),
        ("12,345", by_semicolon("0,5"), "12.345"),
        ("12.345", by_semicolon("0.5"), "12.345"),
        ("0.125", by_semicolon("0,5"), "0.125"),
        ("1200.125", by_semicolon(), "1200.125"),
    ],
)
def test_a_number_that_reads_one_way_only_is_taken(cell: str, habits: Habits, meant: str) -> None:
    assert number(cell, habits) == meant


@pytest.mark.parametrize(
    ("cell", "habits", "advice"),
    [
        ("1,200", by_comma(), "write 1200, or 1.2000"),
        ("1200,5", by_comma(), "write 1200.5"),
        ("1.200", by_semicolon(), "write 1200, or 1.2000"),
        ("1.200", by_semicolon("0,5"), "write 1200"),
        ("1,200", by_semicolon("0.5"), "write 1200"),
        ("1,200.50", by_comma(), "separators of thousands"),
        ("1.200,50", by_semicolon(), "separators of thousands"),
        ("1.200.000", by_semicolon(), "separators of thousands"),
        ("1 200", by_comma(), "separators of thousands"),
        ("1\u00a0200", by_semicolon(), "separators of thousands"),
        ("1'200", by_comma(), "separators of thousands"),
        ("S/ 350", by_comma(), "currency"),
        ("350 kg", by_comma(), "units"),
        ("1.5E+03", by_comma(), "no number"),
        ("+5", by_comma(), "no number"),
        ("(20)", by_comma(), "no number"),
        ("١٢", by_comma(), "no number"),
        ("nan", by_comma(), "no number"),
    ],
)
def test_a_number_that_may_mean_two_things_or_none_is_refused_with_what_to_write(cell: str, habits: Habits, advice: str) -> None:
    with pytest.raises(CellError, match="write") as caught:
        number(cell, habits)
    assert advice in str(caught.value)


@pytest.mark.parametrize("cell", ["1.2000", "1200", "1,2000"])
def test_what_a_refusal_advises_is_taken(cell: str) -> None:
    assert float(number(cell, by_semicolon())) in (1.2, 1200)


@pytest.mark.parametrize("cell", ["true", "SI", "sí", "Yes", "1", "VERDADERO"])
def test_yes_in_both_languages(cell: str) -> None:
    assert choice(cell) is True


@pytest.mark.parametrize("cell", ["false", "No", "0", "FALSO"])
def test_no_in_both_languages(cell: str) -> None:
    assert choice(cell) is False


@pytest.mark.parametrize("cell", ["x", "2", "tal vez", "s"])
def test_what_is_neither_yes_nor_no_is_refused(cell: str) -> None:
    with pytest.raises(CellError, match="write si or no"):
        choice(cell)


def times(separator: str, *cells: str) -> Habits:
    return habits_of(separator, [], cells)


@pytest.mark.parametrize(
    ("cell", "habits", "meant"),
    [
        ("2027-03-31", times(","), "2027-03-31T00:00:00"),
        ("2027/3/31", times(","), "2027-03-31T00:00:00"),
        ("31/03/2027", times(","), "2027-03-31T00:00:00"),
        ("31-3-2027", times(";"), "2027-03-31T00:00:00"),
        ("31.03.2027", times(";"), "2027-03-31T00:00:00"),
        ("3/31/2027", times(","), "2027-03-31T00:00:00"),
        ("05/05/2027", times(","), "2027-05-05T00:00:00"),
        ("05/03/2027", times(";"), "2027-03-05T00:00:00"),
        ("05/03/2027", times(",", "31/03/2027"), "2027-03-05T00:00:00"),
        ("05/03/2027", times(",", "3/31/2027"), "2027-05-03T00:00:00"),
        ("05/03/2027", times(";", "3/31/2027"), "2027-05-03T00:00:00"),
        ("31-mar-2027", times(","), "2027-03-31T00:00:00"),
        ("5-set-2027", times(","), "2027-09-05T00:00:00"),
        ("31 dic. 2027", times(","), "2027-12-31T00:00:00"),
        ("31/03/2027 14:30", times(","), "2027-03-31T14:30:00"),
        ("31/03/2027 02:30:15 p. m.", times(";"), "2027-03-31T14:30:15"),
        ("31/03/2027 02:30 p.\u00a0m.", times(";"), "2027-03-31T14:30:00"),
        ("3/31/2027 12:05 AM", times(","), "2027-03-31T00:05:00"),
        ("3/31/2027, 12:05 PM", times(","), "2027-03-31T12:05:00"),
        ("2027-03-31 14:30", times(","), "2027-03-31T14:30:00"),
    ],
)
def test_a_day_that_reads_one_way_only_is_taken_in_the_countrys_zone(cell: str, habits: Habits, meant: str) -> None:
    assert moment(cell, time.min, LIMA, habits) == datetime.fromisoformat(meant).replace(tzinfo=LIMA)


def test_a_day_without_a_time_means_what_the_column_says() -> None:
    assert moment("2027-03-31", time(23, 59, 59), LIMA, times(",")) == datetime(2027, 4, 1, 4, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "cell", ["2027-03-31T14:30:00Z", "2027-03-31T14:30:00", "2027-03-31 14:30:00-05:00", "2027-03-31T14:30:00.123456-05:00"]
)
def test_what_is_written_for_machines_is_left_to_the_schema(cell: str) -> None:
    assert moment(cell, time.min, LIMA, times(",")) == cell


@pytest.mark.parametrize(
    ("cell", "habits", "advice"),
    [
        ("05/03/2027", times(","), "may mean 2027-03-05 or 2027-05-03"),
        ("05/03/2027", times(",", "31/03/2027", "3/31/2027"), "may mean"),
        ("05/03/2027", times(";", "31/03/2027", "3/31/2027"), "may mean"),
        ("31/03/27", times(","), "year of two digits"),
        ("31-mar-27", times(","), "year of two digits"),
        ("46112", times(","), "format the column as a date"),
        ("31/02/2027", times(","), "no day of the calendar"),
        ("13/13/2027", times(","), "no day of the calendar"),
        ("31-xyz-2027", times(","), "no day of the calendar"),
        ("31/03/2027 25:00", times(","), "no time of the day"),
        ("31/03/2027 13:00 pm", times(","), "no time of the day"),
        ("mañana", times(","), "no day"),
        ("31/03", times(","), "no day"),
        ("0000-00-00", times(","), "no day of the calendar"),
    ],
)
def test_a_day_that_may_be_two_or_none_is_refused_with_what_to_write(cell: str, habits: Habits, advice: str) -> None:
    with pytest.raises(CellError) as caught:
        moment(cell, time.min, LIMA, habits)
    assert advice in str(caught.value)
