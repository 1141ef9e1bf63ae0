"""What `ayni import` says before it sends anything: who sends, what, and where to."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.cli import main

URL = ("--url", "http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AYNI_KEY", "AYNI_TOKEN", "AYNI_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR", str(tmp_path / "var"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ofertas.csv"
    path.write_text("external_id\n")
    return path


def refusal(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """What stands on stderr; the command must have ended with 1."""
    assert main(["import", *map(str, words)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AYNI_KEY", "k")
    assert "no.csv cannot be read: No such file" in refusal(capsys, "offers", tmp_path / "no.csv", *URL)
    assert "cannot be read: Is a directory" in refusal(capsys, "wants", tmp_path, *URL)


def test_nobody_says_who_sends(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    assert "environment variable AYNI_KEY" in refusal(capsys, "offers", file, *URL)


@pytest.mark.parametrize("key", ["", "dos palabras", "dos\nlíneas", "clave-ñ"])
def test_what_is_no_key_is_said_without_saying_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, file: Path, key: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("AYNI_KEY", key)
    key_file = tmp_path / "clave"
    key_file.write_text(key)
    for said in (refusal(capsys, "offers", file, *URL), refusal(capsys, "offers", file, *URL, "--key-file", key_file)):
        assert "holds no key" in said
        assert not key or key not in said


def test_a_key_file_that_cannot_be_read(capsys: pytest.CaptureFixture[str], file: Path, tmp_path: Path) -> None:
    binary = tmp_path / "foto"
    binary.write_bytes(b"\xff\xd8\xff")
    assert "No such file" in refusal(capsys, "offers", file, *URL, "--key-file", tmp_path / "no")
    assert "it is no text" in refusal(capsys, "offers", file, *URL, "--key-file", binary)


def test_no_exchange_runs_in_the_folder(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("AYNI_KEY", "k")
    assert "no exchange runs in" in refusal(capsys, "offers", file)


@pytest.mark.parametrize("words", [(), ("offers",), ("things", "x.csv"), ("offers", "x.csv", "--key", "k")])
def test_what_is_typed_wrong_is_2(words: tuple[str, ...]) -> None:
    """Also a key on the command line, where everybody sees it."""
    with pytest.raises(SystemExit) as ended:
        main(["import", *words])
    assert ended.value.code == 2
