"""What people read: the banner, the refusals, the causes."""

from __future__ import annotations

import pytest

from infra.cli import main
from infra.embedded.banner import TITLE_WIDTH, banner, table
from infra.embedded.composition import Matched
from infra.embedded.postgres import explain

PAIR = Matched(0.8754, "Retazos de algodón", "Trapo industrial", 12.4, 1200)


def test_the_banner_says_where_everything_is() -> None:
    said = banner("http://127.0.0.1:8080", [PAIR], "var/running.json")

    for expected in ("http://127.0.0.1:8080/docs", "http://127.0.0.1:8080/v1/stream", "var/running.json", "Ctrl-C"):
        assert expected in said


def test_a_row_shows_score_titles_distance_and_quantity() -> None:
    assert table([PAIR])[1].split() == ["0.875", "Retazos", "de", "algodón", "Trapo", "industrial", "12", "1,200"]


def test_columns_stay_in_line_whatever_the_titles_are() -> None:
    long = Matched(1.0, "x" * 200, "y" * TITLE_WIDTH, 1234.0, 1_000_000)

    head, *rows, _ = table([PAIR, long])

    assert {len(line) for line in (head, *rows)} == {len(head)}
    assert "x" * (TITLE_WIDTH - 1) + "…" in rows[1]


def test_a_title_cannot_move_the_cursor() -> None:
    said = "".join(table([Matched(0.5, "a\x1b[2Jb\nc", "d\u202ee", 1, 1)]))

    assert "\x1b" not in said
    assert "\n" not in said
    assert "\u202e" not in said


def test_nothing_matched_is_no_table() -> None:
    assert table([]) == []


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (
            "FATAL:  could not write: No space left on device",
            ": the disk is full; make room on it and start again, what was acknowledged is kept\n",
        ),
        ('LOG:  could not bind IPv4 address "127.0.0.1": Address already in use', ": port 5432 is taken\n"),
        ("FATAL:  something else", "\n"),
    ],
)
def test_a_cause_comes_before_the_log_that_shows_it(log: str, cause: str) -> None:
    assert explain(log, 5432) == f"{cause}  {log}"


def test_a_cause_shows_the_end_of_a_long_log() -> None:
    said = explain("\n".join(f"line {number}" for number in range(100)), 5432)

    assert said.startswith("\n  line 92\n")
    assert said.endswith("line 99")


@pytest.mark.parametrize(("words", "names"), [(["run", "--port", "70000"], "port"), (["run", "--port", "-1"], "port")])
def test_a_wrong_value_is_refused_in_one_line_that_names_it(words: list[str], names: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2

    complained = capsys.readouterr().err
    assert complained.startswith(f"ayni: {names}: ")
    assert complained.count("\n") == 1


def test_an_environment_that_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SAMPLE", "perhaps")

    assert main(["run"]) == 2

    assert "sample" in capsys.readouterr().err
