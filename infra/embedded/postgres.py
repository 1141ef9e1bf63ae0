"""A private PostgreSQL for one folder: made, started, adopted and stopped by us, from the binaries of a Python package.

Load-bearing: the server lives in a session of its own, so that Ctrl-C reaches us and not it, and is told by the kernel to shut down when
the thread that started it is gone (`PR_SET_PDEATHSIG`, which a change of user clears: it is set after that). `start` belongs on the main thread.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic

import asyncpg

from infra.embedded.account import Account, server_account
from infra.embedded.binaries import programs
from infra.embedded.lock import FolderInUseError, held

HOST = "127.0.0.1"
SUPERUSER = "postgres"
START_SECONDS = 60.0  # recovery after a crash replays up to max_wal_size
STOP_SECONDS = 2.5  # the exchange promises to be gone 5 s after Ctrl-C
ABORT_SECONDS = 1.0
POLL_SECONDS = 0.02
LOG_BYTES = 8 * 2**20
NOTE = "where-the-data-is"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None)
_STARTING = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, TimeoutError)
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "cluster_name": "ayni",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%a ",
    "wal_level": "minimal",  # nothing replicates from it
    "max_wal_senders": "0",
}


class EmbeddedPostgresError(RuntimeError):
    """The server cannot run; the message says why, with the last lines of its log."""


class Postgres:
    """One server over one folder, for one process. Not restartable while it runs; may be started again after `stop`."""

    def __init__(self, directory: Path, port: int = 0) -> None:
        """port 0 is any free one. The folder is made; what an unprivileged server cannot reach of it moves to `/var/tmp` with a note left."""
        self.directory = directory.absolute()
        self.port = port
        self._asked_port = port
        self._account = server_account()
        self._process: subprocess.Popen[bytes] | None = None
        self._held = ExitStack()

    @property
    def pid(self) -> int | None:
        """The server's process; None while it does not run."""
        return self._process.pid if self._process else None

    @property
    def log_path(self) -> Path:
        """What initdb and the server said."""
        return self.directory / "postgresql.log"

    async def start(self) -> str:
        """The DSN of the superuser, once the server answers. Raises EmbeddedPostgresError."""
        if self._process is not None:
            raise EmbeddedPostgresError(f"the server over {self.directory} runs already")
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            self._held.enter_context(held(self.directory))
            return await self._start()
        except FolderInUseError as error:
            raise EmbeddedPostgresError(f"PostgreSQL cannot start: {error}") from None
        except OSError as error:
            await self.stop()
            raise EmbeddedPostgresError(f"PostgreSQL cannot start over {self.directory}: {error}") from error
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Fast shutdown: sessions end, a checkpoint is written. Where that takes too long it is cut off; the next start recovers. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            for order, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, ABORT_SECONDS), (signal.SIGKILL, None)):
                if await _has_ended(process, order, seconds):
                    break
        self._held.close()

    async def _start(self) -> str:
        home = self._home()
        self._turn_log()
        folder = programs(self._account, home)
        data, password = home / "data", self._password(home)
        await self._end_leftover(data)
        if not data.exists():
            await self._create(folder, home, password)
        self._check_ownership(data, folder)
        for _ in range(3):  # a free port may be taken before the server has it
            self.port = self._asked_port or _free_port()
            dsn = f"postgresql://{SUPERUSER}:{password}@{HOST}:{self.port}/postgres"
            logged = self.log_path.stat().st_size
            self._process = self._spawn([str(folder / "postgres"), "-D", str(data), "-p", str(self.port), *_options()], home)
            if await self._until_ready(dsn):
                return dsn
            cause, self._process = self._cause(logged), None
            if self._asked_port or "Address already in use" not in cause:
                break
        raise EmbeddedPostgresError(f"PostgreSQL did not start over {data}{cause}")

    def _home(self) -> Path:
        """Where the data lies: in the folder itself, or where the note in it says."""
        note = self.directory / NOTE
        if note.exists():
            home = Path(note.read_text().splitlines()[0])
            if not home.is_dir():
                raise EmbeddedPostgresError(f"{note} says that the data lies in {home}, which is gone; remove the note to begin anew")
            return home
        if self._account.can_reach(self.directory):
            return self.directory
        home = Path("/var/tmp", f"ayni-{hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]}")  # noqa: S108 - checked to be ours
        home.mkdir(mode=0o700, exist_ok=True)
        if home.is_symlink() or home.stat().st_uid not in (os.geteuid(), self._account.uid):
            raise EmbeddedPostgresError(f"{home} belongs to somebody else")
        self._account.own(home)
        note.write_text(f"{home}\nThe database server may not enter {self.directory}, so its data lies there.\n")
        return home

    def _password(self, home: Path) -> str:
        """The superuser's; made once. initdb reads the file as the server's account."""
        path = home / "password"
        if not path.exists():
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24))
            self._account.own(path)
        return path.read_text()

    async def _create(self, folder: Path, home: Path, password: str) -> None:
        """A new cluster, complete or not at all. It reads the locale of no machine: the same order of text everywhere."""
        unfinished = home / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._account.own(unfinished)
        logged = self.log_path.stat().st_size
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = [f"--username={SUPERUSER}", f"--pwfile={home / 'password'}", "--auth=scram-sha-256"]
        process = self._spawn([str(folder / "initdb"), "-D", str(unfinished), "--no-sync", "--no-instructions", *locale, *access], home)
        try:
            failed = await asyncio.to_thread(process.wait)
        except asyncio.CancelledError:
            process.kill()
            raise
        if failed:
            raise EmbeddedPostgresError(f"initdb failed in {home}{self._cause(logged)}")
        unfinished.rename(home / "data")

    def _check_ownership(self, data: Path, folder: Path) -> None:
        if (owner := data.stat().st_uid) != self._account.uid:
            raise EmbeddedPostgresError(f"{data} belongs to user {owner}, and the server would run as user {self._account.uid}")
        written = (data / "PG_VERSION").read_text().strip()
        said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own binary
        runs = re.search(r"\d+", said)
        if runs is None or runs[0] != written:
            raise EmbeddedPostgresError(
                f"{data} was written by PostgreSQL {written}, and this release runs {said.strip()}; "
                "dump it with the old release and load it with this one, or begin with an empty folder"
            )

    async def _end_leftover(self, data: Path) -> None:
        """A server that outlived its parent is ended (the folder's lock is ours, so nobody uses it); a stale pid file is removed."""
        path = data / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(path.read_text().splitlines()[0])
            for order, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, ABORT_SECONDS), (signal.SIGKILL, ABORT_SECONDS)):
                if not _serves(pid, data):
                    break
                os.kill(pid, order)
                await _until(lambda: not _serves(pid, data), seconds)
        path.unlink(missing_ok=True)

    def _spawn(self, command: list[str], home: Path) -> subprocess.Popen[bytes]:
        as_account = {"user": self._account.uid, "group": self._account.gid, "extra_groups": []} if self._account.is_dropped_to else {}
        with self.log_path.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own binaries
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
                start_new_session=True,
                preexec_fn=_ends_with_parent(),  # noqa: PLW1509 - two system calls
                **as_account,  # type: ignore[call-overload]
            )

    async def _until_ready(self, dsn: str) -> bool:
        """False: it ended by itself."""
        assert self._process is not None
        deadline = monotonic() + START_SECONDS
        while self._process.poll() is None:
            with suppress(*_STARTING):
                connection = await asyncpg.connect(dsn, timeout=5)
                await connection.close()
                return True
            if monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL does not answer after {START_SECONDS:.0f} s{self._cause()}")
            await asyncio.sleep(POLL_SECONDS)
        return False

    def _turn_log(self) -> None:
        self.log_path.touch(mode=0o600)
        if self.log_path.stat().st_size > LOG_BYTES:
            self.log_path.rename(self.log_path.with_suffix(".log.1"))
            self.log_path.touch(mode=0o600)

    def _cause(self, since: int = 0) -> str:
        """What to know first, then the last lines of the log. since: bytes of the log that are of earlier runs."""
        lines = self.log_path.read_bytes()[since:].decode(errors="replace").splitlines()[-8:]
        said = "".join(f"\n  {line}" for line in lines)
        if "No space left on device" in said:
            return f": the disk is full{said}"
        if "Address already in use" in said:
            return f": port {self.port} is taken{said}"
        return said


def _options() -> list[str]:
    return [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _ends_with_parent() -> Callable[[], None] | None:
    """Run in the child, before it becomes the server."""
    if sys.platform != "linux":
        return None
    parent = os.getpid()

    def ask_kernel() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))
        if os.getppid() != parent:  # it was gone before we asked
            os._exit(1)

    return ask_kernel


def _serves(pid: int, data: Path) -> bool:
    """Whether the process lives and is a server over this data: its working folder is the data (a pid may have passed to another)."""
    try:
        os.kill(pid, 0)
        return not Path("/proc/self").exists() or Path(os.readlink(f"/proc/{pid}/cwd")) == data.resolve()
    except (ProcessLookupError, PermissionError, FileNotFoundError):
        return False


async def _until(is_so: Callable[[], bool], seconds: float) -> None:
    deadline = monotonic() + seconds
    while not is_so() and monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)


async def _has_ended(process: subprocess.Popen[bytes], order: signal.Signals, seconds: float | None) -> bool:
    """Sends the order and waits for the end."""
    process.send_signal(order)
    try:
        await asyncio.to_thread(process.wait, seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
