"""What a process says to its supervisor, and that it does not matter whether there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.distributed.notify import READY, STOPPING, Ear, notify


@pytest.mark.parametrize("depth", [1, 12])
def test_what_is_said_is_heard_once_however_long_the_folders_path_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int) -> None:
    folder = tmp_path.joinpath(*["a-long-name"] * depth)
    folder.mkdir(parents=True)
    ear = Ear(folder)
    monkeypatch.setenv("NOTIFY_SOCKET", ear.address)

    notify(READY)
    notify(STOPPING)

    assert ear.heard() == [READY, STOPPING]
    assert ear.heard() == []
    ear.close()
    assert not Path(ear.address).exists()


def test_a_supervisor_finds_the_place_of_one_that_was_killed_free(tmp_path: Path) -> None:
    killed = Ear(tmp_path)
    killed.socket.close()

    Ear(tmp_path).close()


@pytest.mark.parametrize("address", ["", "/nobody/listens/here", "@nobody-listens-here"])
def test_without_a_supervisor_nothing_is_said(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    notify(READY)
