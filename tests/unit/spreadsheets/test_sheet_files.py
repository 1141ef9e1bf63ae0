"""A file as a whole: what spreadsheets leave behind is passed over, and what cannot be read says what to change."""

from __future__ import annotations

import pytest

from kit.problems import BadRequest, Problem, Unprocessable
from services.listings.spreadsheet import COLUMNS, Row, Sheet, SideName, read_sheet

HEADER = "external_id,material,title,quantity_amount,quantity_unit"
LINE = "A-1,textile.cotton_offcuts,Retazos de algodón,1.5,t"


def read(*lines: str, side: SideName = "offer") -> Sheet:
    return read_sheet("\r\n".join(lines).encode(), side)


def refused(content: bytes, side: SideName = "offer") -> Problem:
    with pytest.raises(Problem) as caught:
        read_sheet(content, side)
    return caught.value


def test_cells_are_known_by_the_columns_whatever_their_order_and_case() -> None:
    assert read(" Title ,QUANTITY_UNIT,external_id,quantity_amount,Material", "Retazos,kg,A-1,5,x.y").rows == (
        Row(2, {"title": "Retazos", "quantity_unit": "kg", "external_id": "A-1", "quantity_amount": "5", "material": "x.y"}),
    )


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"])
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_bom_separator_and_line_ends_make_no_difference(mark: bytes, separator: str, end: str) -> None:
    content = mark + end.join((HEADER, LINE, "")).replace(",", separator).encode()
    sheet = read_sheet(content, "offer")
    assert [row.line for row in sheet.rows] == [2]
    assert sheet.rows[0].cells["title"] == "Retazos de algodón"
    assert sheet.habits.separator == separator


@pytest.mark.parametrize("line", ["sep=;\r\n", "SEP=;\n", "\ufeffsep=;\r\n"])
def test_a_first_line_that_names_the_separator_is_no_line_of_the_spreadsheet(line: str) -> None:
    sheet = read_sheet((line + f"{HEADER}\r\n{LINE}\r\n".replace(",", ";")).encode(), "offer")
    assert [row.line for row in sheet.rows] == [2]
    assert sheet.rows[0].cells["external_id"] == "A-1"


def test_empty_lines_and_empty_cells_to_the_right_say_nothing_and_lines_keep_their_numbers() -> None:
    sheet = read(f"{HEADER},,,", "", f"{LINE},,, ", ",,,,,,,", " ", f"{LINE}", ",,,,,,,", "")
    assert [row.line for row in sheet.rows] == [3, 6]
    assert not any(row.has_more for row in sheet.rows)


def test_a_line_break_inside_quotes_begins_no_line() -> None:
    sheet = read(f"{HEADER},description", f'{LINE},"limpios\r\n\r\nen fardos"', f'{LINE},"con ""marca"""', f"{LINE},x")
    assert [(row.line, row.cells["description"]) for row in sheet.rows] == [
        (2, "limpios\n\nen fardos"),
        (3, 'con "marca"'),
        (4, "x"),
    ]


def test_cells_behind_the_last_column_are_noticed() -> None:
    assert [row.has_more for row in read(HEADER, LINE, f"{LINE},,algo").rows] == [False, True]


def test_a_file_without_lines_is_an_empty_sheet() -> None:
    assert read(HEADER).rows == ()


@pytest.mark.parametrize("side", ["offer", "want"])
def test_every_column_of_the_contract_is_known(side: SideName) -> None:
    assert read(",".join(COLUMNS[side]), side=side).rows == ()


def test_latin_1_is_400_and_names_the_line_the_word_and_the_way_to_save() -> None:
    content = f"{HEADER}\r\nA-1,textile.cotton_offcuts,Algodon,1,t\r\nA-2,textile.cotton_offcuts,Algodón y lúcuma,1,t\r\n"
    problem = refused(content.encode("latin-1"))
    assert isinstance(problem, BadRequest)
    assert "line 3" in problem.detail
    assert "Algodón" in problem.detail
    assert "CSV UTF-8" in problem.detail


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (f"{HEADER}\r\n{LINE}".encode("utf-16"), "UTF-16"),
        (b"\xfe\xff" + HEADER.encode("utf-16-be"), "UTF-16"),
        (HEADER.encode("utf-16-le"), "NUL"),
        (b"PK\x03\x04" + bytes(200), "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(200), "workbook"),
        (b"", "first line is empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "first line is empty"),
        (HEADER.replace(",", "\t").encode(), "separated by '\\t'"),
        (b"sep=|\r\n" + HEADER.replace(",", "|").encode(), "separated by '|'"),
        (f'{HEADER}\n{LINE}\n{LINE},"open\n{LINE}\n'.encode(), "line 3"),
        (f'{HEADER}\n"A-1"x,b,c,d,e\n'.encode(), "line 2"),
        (f"{HEADER}\n{'x' * 200_000}\n".encode(), "line 2"),
    ],
)
def test_what_is_no_csv_in_utf_8_is_400_with_the_way_out(content: bytes, word: str) -> None:
    problem = refused(content)
    assert isinstance(problem, BadRequest)
    assert word in problem.detail


def test_columns_unknown_twice_and_missing_are_named_all_at_once() -> None:
    problem = refused(b"external_id,colour,title,Title,quantity_amount,material\n")
    assert isinstance(problem, Unprocessable)
    assert [one.field for one in problem.errors] == ["colour", "title", "quantity_unit"]
    assert "quantity_unit" in problem.detail
    assert "add this column" in problem.detail
    assert "minimum_lot_amount" in problem.detail, "the known columns are listed"


def test_a_nameless_column_is_named_by_its_place() -> None:
    assert [one.field for one in refused(f"{HEADER},,site".encode()).errors] == ["column 6"]


def test_a_title_above_the_header_says_on_which_line_the_columns_stand() -> None:
    problem = refused(f"Mis ofertas,,,,\n\n{HEADER}\n{LINE}\n".encode())
    assert isinstance(problem, Unprocessable)
    assert "stand on line 3: delete the lines above" in problem.detail


@pytest.mark.parametrize(("side", "other"), [("offer", "want"), ("want", "offer")])
def test_a_file_of_the_other_side_is_sent_there(side: SideName, other: SideName) -> None:
    problem = refused(",".join(COLUMNS[other]).encode(), side)
    assert isinstance(problem, Unprocessable)
    assert f"/v1/{other}s/import" in problem.detail
