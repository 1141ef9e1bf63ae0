"""What an exchange keeps in its folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from infra.embedded.files import write_private
from infra.embedded.folder import RunningProcess, erase_folder, load_secrets, tell_running
from infra.embedded.lock import FolderInUseError, held

ROLES = ("owner", "counter")


def test_secrets_are_made_once_and_for_one_reader(tmp_path: Path) -> None:
    made = load_secrets(tmp_path, ROLES)

    assert load_secrets(tmp_path, ROLES) == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len({*made.passwords.values(), made.internal_token, made.token_secret}) == 4


def test_a_role_that_came_later_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    before = load_secrets(tmp_path, ROLES)

    after = load_secrets(tmp_path, (*ROLES, "matching"))

    assert after.passwords.keys() == {"owner", "counter", "matching"}
    assert before.passwords.items() <= after.passwords.items()
    assert after.token_secret == before.token_secret


def test_secrets_are_written_for_one_reader_whatever_the_file_was(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{}")
    (tmp_path / "secrets.json").chmod(0o644)

    load_secrets(tmp_path, ROLES)

    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_what_runs_is_told_in_the_shape_that_programs_know(tmp_path: Path) -> None:
    tell_running(tmp_path, "http://127.0.0.1:1", "postgresql://x", [RunningProcess("gateway", 7, 1), RunningProcess("listings", 7, None)])

    assert json.loads((tmp_path / "running.json").read_text()) == {
        "mode": "embedded",
        "gateway": "http://127.0.0.1:1",
        "database": "postgresql://x",
        "kafka": None,
        "meilisearch": None,
        "processes": [{"name": "gateway", "pid": 7, "port": 1}, {"name": "listings", "pid": 7, "port": None}],
    }
    assert (tmp_path / "running.json").stat().st_mode & 0o777 == 0o600


def test_a_private_file_takes_the_place_of_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    (tmp_path / "file.unfinished").write_text("of a writer that was killed")

    write_private(path, "new")

    assert path.read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_one_holders_at_a_time(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()}"), held(tmp_path):
        pass

    with held(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_erasing_leaves_what_is_not_the_exchanges(tmp_path: Path) -> None:
    load_secrets(tmp_path, ROLES)
    (tmp_path / "postgresql").mkdir()
    (tmp_path / "letter").touch()

    erase_folder(tmp_path)

    assert [one.name for one in tmp_path.iterdir()] == ["letter"]


def test_erasing_takes_the_folder_where_it_is_empty_then(tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.mkdir()
    load_secrets(var, ROLES)

    erase_folder(var)
    erase_folder(var)

    assert not var.exists()


def test_a_folder_in_use_is_not_erased(tmp_path: Path) -> None:
    load_secrets(tmp_path, ROLES)

    with held(tmp_path), pytest.raises(FolderInUseError):
        erase_folder(tmp_path)

    assert (tmp_path / "secrets.json").exists()
