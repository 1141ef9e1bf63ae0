"""A PostgreSQL cluster on disk: where it lies, whose it is, which release wrote it.

Load-bearing: `data` is made beside its place and renamed, so that a folder of that name is always a whole cluster. Where the server's
account may not enter the folder it was given, the data lies under /var/tmp and a note in the folder says where; no folder is opened for it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.embedded.account import Account
from infra.embedded.files import write_private
from infra.embedded.lock import held
from infra.embedded.process import OwnServerError

SUPERUSER = "postgres"
NOTE = "where-the-data-is"
STATUS_LINE = 7  # of postmaster.pid, from 0 (PostgreSQL's miscadmin.h, LOCK_FILE_LINE_PM_STATUS)
_ELSEWHERE = Path("/var/tmp")  # noqa: S108 - a folder there is used only if it is ours
_PREFIX = "ayni-"


class EmbeddedPostgresError(OwnServerError):
    """The server cannot run; the message says why, with the last lines of its log where there are any."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """home: the folder that holds the data, the password and (where it must) a copy of the binaries."""

    home: Path
    account: Account

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.home / "data"

    @property
    def unfinished(self) -> Path:
        """Where a new cluster is made, before it takes the place of `data`."""
        return self.home / "data.unfinished"

    @property
    def password_path(self) -> Path:
        """Holds the superuser's password; readable to the account alone, because initdb reads it."""
        return self.home / "password"

    def password(self) -> str:
        """The superuser's, made once."""
        if not self.password_path.exists():
            write_private(self.password_path, secrets.token_urlsafe(24))
            self.account.own(self.password_path)
        return self.password_path.read_text()

    def make_room(self) -> list[str]:
        """Clears the way for a new cluster; the answer is what to tell initdb. Text sorts the same whatever this machine's locale is."""
        shutil.rmtree(self.unfinished, ignore_errors=True)
        self.unfinished.mkdir(mode=0o700)
        self.account.own(self.unfinished)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = [f"--username={SUPERUSER}", f"--pwfile={self.password_path}", "--auth=scram-sha-256"]
        return ["-D", str(self.unfinished), "--no-sync", "--no-instructions", *locale, *access]

    def check(self, programs: Path) -> None:
        """The data is the account's, and of the release that these programs are. Raises EmbeddedPostgresError."""
        if (owner := self.data.stat().st_uid) != self.account.uid:
            raise EmbeddedPostgresError(f"{self.data} belongs to user {owner}, and the server would run as user {self.account.uid}")
        written = (self.data / "PG_VERSION").read_text().strip()
        said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
        runs = re.search(r"\d+", said)
        if runs is None or runs[0] != written:
            raise EmbeddedPostgresError(
                f"{self.data} was written by PostgreSQL {written}, and this release runs {said.strip()}: "
                "back it up with the release that wrote it (`ayni backup`), and restore that with this one, into an empty folder"
            )

    def leftover_pid(self) -> int | None:
        """The process that says it serves this data; None where none does, or what it said cannot be read."""
        try:
            return int(self._server_says()[0])
        except (ValueError, IndexError):
            return None

    def is_served_by(self, pid: int) -> bool:
        """Whether the process says that it serves this data and takes connections (as pg_ctl looks: the file's first line and eighth)."""
        said = self._server_says()
        return len(said) > STATUS_LINE and (said[0].strip(), said[STATUS_LINE].strip()) == (str(pid), "ready")

    def _server_says(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def cluster_of(directory: Path, account: Account) -> Cluster:
    """The cluster of an existing folder: in it, or where the note in it says. Raises EmbeddedPostgresError."""
    home = _noted(directory)
    if home is not None and not home.is_dir():
        raise EmbeddedPostgresError(f"{directory / NOTE} says that the data lies in {home}, which is gone; remove the note to begin anew")
    if home is None:
        home = directory if account.can_reach(directory) else _elsewhere(directory, account)
    return Cluster(home, account)


def _elsewhere(directory: Path, account: Account) -> Path:
    home = _ELSEWHERE / f"{_PREFIX}{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid not in (os.geteuid(), account.uid):
        raise EmbeddedPostgresError(f"{home} belongs to somebody else")
    account.own(home)
    write_private(directory / NOTE, f"{home}\nThe database server may not enter {directory}, so its data lies there.\n")
    return home


def _noted(directory: Path) -> Path | None:
    note = directory / NOTE
    return Path(note.read_text().splitlines()[0]) if note.exists() else None


def erase_cluster(directory: Path) -> None:
    """Removes the folder's cluster, wherever it lies, and the folder. Raises FolderInUseError while a server has it."""
    if not directory.is_dir():
        return
    with held(directory):
        home = _noted(directory)
        if home is not None and home.parent == _ELSEWHERE and home.name.startswith(_PREFIX):
            shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(directory)
