"""Who a server runs as, and what that user can reach."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.embedded.account import Account, server_account

STRANGER = Account(uid=54321, gid=54321, is_dropped_to=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that everybody may enter, as far as pytest's own folders above it are concerned."""
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    return folder


def owner_of(path: Path) -> Account:
    found = path.stat()
    return Account(found.st_uid, found.st_gid, is_dropped_to=False)


def test_an_owner_reaches_what_its_bits_allow(folder: Path) -> None:
    assert owner_of(folder).can_reach(folder)


def test_an_owner_does_not_reach_what_it_closed_to_itself(folder: Path) -> None:
    folder.chmod(0o077)

    assert not owner_of(folder).can_reach(folder)


def test_a_stranger_is_stopped_by_a_closed_folder_however_far_above(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "open" / "open"
    inner.mkdir(parents=True, mode=0o755)
    (tmp_path / "closed").chmod(0o700)

    assert not STRANGER.can_reach(inner)


def test_a_stranger_reaches_what_is_everybodys() -> None:
    assert STRANGER.can_reach(Path("/"))


def test_owning_changes_nothing_where_no_user_is_dropped_to(folder: Path) -> None:
    before = folder.stat()

    STRANGER.own(folder)

    assert folder.stat() == before


def test_servers_never_run_as_root() -> None:
    account = server_account()

    assert account.uid != 0
    assert account.is_dropped_to == (os.geteuid() == 0)
