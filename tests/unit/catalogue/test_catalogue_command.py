"""`ayni catalogue check`, as an operator with a folder of his own has it."""

from __future__ import annotations

import pytest
from catalogue_folder import CatalogueFolder

from infra.cli import main


def test_a_right_folder_is_said_to_be_right(catalogue: CatalogueFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "check", str(catalogue.path)]) == 0

    assert capsys.readouterr().out == f"{catalogue.path}: 2 materials in 2 families, no fault\n"


def test_the_shipped_one_is_checked_where_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "check"]) == 0

    assert "in 16 families, no fault" in capsys.readouterr().out


def test_a_fault_is_a_line_and_exit_code_1(catalogue: CatalogueFolder, capsys: pytest.CaptureFixture[str]) -> None:
    catalogue.change("materials/textile.toml", '"B3030"', '"B9999"')

    assert main(["catalogue", "check", str(catalogue.path)]) == 1

    said, complained = capsys.readouterr()
    assert said == (
        "materials/textile.toml: textile.offcuts: "
        "Basel code 'B9999' is in no list under codes/: correct it, or add it to the list with its title\n"
    )
    assert complained == f"ayni: {catalogue.path} is no catalogue: 1 fault\n"


def test_an_exchange_does_not_start_with_a_faulty_catalogue(
    catalogue: CatalogueFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue.change("materials/textile.toml", '"B3030"', '"B9999"')
    monkeypatch.setenv("CATALOGUE", str(catalogue.path))
    monkeypatch.setenv("VAR", str(catalogue.path / "var"))

    assert main(["run", "--port", "0"]) == 1

    assert "ayni: materials/textile.toml: textile.offcuts: Basel code 'B9999'" in capsys.readouterr().err
    assert not (catalogue.path / "var").exists()
