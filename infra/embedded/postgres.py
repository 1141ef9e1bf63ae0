"""A private PostgreSQL over one folder: made, started, adopted and stopped by us, from the binaries of a Python package.

Load-bearing: the folder's lock. Whoever holds it is the only one that starts a server there, so a server that is found running was left
behind by a parent that is dead, and may be ended.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import asyncpg

from infra.embedded.account import server_account
from infra.embedded.binaries import programs
from infra.embedded.cluster import SUPERUSER, Cluster, EmbeddedPostgresError, cluster_of
from infra.embedded.lock import FolderInUseError, held
from infra.embedded.process import POLL_SECONDS, end, end_stranger, spawn, until

__all__ = ["EmbeddedPostgresError", "Postgres"]

HOST = "127.0.0.1"
START_SECONDS = 60.0  # recovery after a crash replays up to max_wal_size
STOPPING = ((signal.SIGINT, 1.8), (signal.SIGQUIT, 0.5))  # fast (a checkpoint), then at once (the next start recovers)
LOG_BYTES = 8 * 2**20
LOG_LINES = 8
LOOKED_THROUGH = 200  # a server that ends says more than the cause
RETRY_SECONDS = 0.1
PORT_TAKEN = "Address already in use"
PANIC = "PANIC:"
DISK_FULL = "No space left on device"
STILL_DYING = "pre-existing shared memory block"
_NOT_YET = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, TimeoutError)
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


class Postgres:
    """One server over one folder, for one process; after `stop` it may be started again."""

    def __init__(self, directory: Path, port: int = 0) -> None:
        """port 0 is any free one. The folder is made where it is missing."""
        self.directory = directory.absolute()
        self.port = port
        self._asked_port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._held = ExitStack()
        self._logged = self._watched = 0  # bytes of the log: before this run, and read by `check`

    @property
    def pid(self) -> int | None:
        """The server's process; None while it does not run."""
        return self._process.pid if self._process else None

    @property
    def log_path(self) -> Path:
        """What initdb and the server said."""
        return self.directory / "postgresql.log"

    async def start(self) -> str:
        """The DSN of the superuser, once the server answers. Call it on the main thread. Raises EmbeddedPostgresError."""
        if self._process is not None:
            raise EmbeddedPostgresError(f"the server over {self.directory} runs already")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._held.enter_context(held(self.directory))
            return await self._start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, (OSError, FolderInUseError, asyncpg.PostgresError)):
                raise EmbeddedPostgresError(f"PostgreSQL cannot start over {self.directory}: {error}") from error
            raise

    def check(self) -> None:
        """Raises EmbeddedPostgresError where the server was started and has ended by itself, or has no room to write."""
        if self._process is not None and self._process.poll() is not None:
            raise EmbeddedPostgresError(f"PostgreSQL has ended by itself{self._cause(self._logged)}")
        if self._process is not None and self._is_without_room():
            raise EmbeddedPostgresError(f"PostgreSQL cannot go on{self._cause(self._logged)}")

    async def stop(self) -> None:
        """Sessions end, a checkpoint is written; what takes too long is cut off, and the next start recovers. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            await end(process, STOPPING)
        self._held.close()

    async def _start(self) -> str:
        self._turn_log()
        cluster = cluster_of(self.directory, server_account())
        folder, password = programs(cluster.account, cluster.home), cluster.password()
        await self._end_leftover(cluster)
        if not cluster.data.exists():
            await self._create(cluster, folder)
        cluster.check(folder)
        return await self._serve(cluster, folder, password)

    async def _create(self, cluster: Cluster, folder: Path) -> None:
        logged = self.log_path.stat().st_size
        process = spawn([folder / "initdb", *cluster.make_room()], cluster.home, self.log_path, cluster.account)
        self._process = process
        await until(lambda: process.poll() is not None, START_SECONDS)
        self._process = None if process.returncode is not None else process
        if process.returncode != 0:
            raise EmbeddedPostgresError(f"initdb failed in {cluster.home}{self._cause(logged)}")
        cluster.unfinished.rename(cluster.data)

    async def _end_leftover(self, cluster: Cluster) -> None:
        pid = cluster.leftover_pid()
        if pid is not None:
            await end_stranger(pid, cluster.data, STOPPING)
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)  # its number may be another process's by now

    async def _serve(self, cluster: Cluster, folder: Path, password: str) -> str:
        """Tried again where a free port was taken before the server had it, and where a killed server's last processes are still there."""
        deadline = monotonic() + START_SECONDS
        while True:
            self.port = self._asked_port or free_port()
            logged = self._logged = self._watched = self.log_path.stat().st_size
            options = ["-D", str(cluster.data), "-p", str(self.port), *_options()]
            self._process = spawn([folder / "postgres", *options], cluster.home, self.log_path, cluster.account)
            dsn = f"postgresql://{SUPERUSER}:{password}@{HOST}:{self.port}/postgres"
            if await self._is_ready(self._process, cluster, dsn):
                return dsn
            self._process, cause = None, self._cause(logged)
            may_pass = STILL_DYING in cause or (PORT_TAKEN in cause and not self._asked_port)
            if not may_pass or monotonic() > deadline:
                break
            await asyncio.sleep(RETRY_SECONDS)
        raise EmbeddedPostgresError(f"PostgreSQL did not start over {cluster.data}{cause}")

    async def _is_ready(self, process: subprocess.Popen[bytes], cluster: Cluster, dsn: str) -> bool:
        """True once it answers, False when it has ended by itself. Raises EmbeddedPostgresError where it does neither.

        Nobody is asked before our own says that it has the port: who has it until then is another's server."""
        deadline = monotonic() + START_SECONDS
        while process.poll() is None:
            self.check()
            if cluster.is_served_by(process.pid) and await _answers(dsn):
                return True
            if monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL does not answer after {START_SECONDS:.0f} s{self._cause()}")
            await asyncio.sleep(POLL_SECONDS)
        return False

    def _is_without_room(self) -> bool:
        """Whether it has said so since it was asked last: PostgreSQL itself would try for ever."""
        with self.log_path.open(errors="replace") as log:
            log.seek(self._watched)
            said = log.readlines()
            self._watched = log.tell()
        return any(PANIC in line and DISK_FULL in line for line in said)

    def _turn_log(self) -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        self.log_path.touch(mode=0o600)

    def _cause(self, since: int = 0) -> str:
        """What to know first, then the last lines of the log. since: its size before this run, in bytes."""
        return explain(self.log_path.read_bytes()[since:].decode(errors="replace"), self.port)


async def _answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except _NOT_YET:
        return False
    await connection.close()
    return True


def explain(log: str, port: int) -> str:
    """The end of an error message: what to do about it, then the last lines of the log."""
    lines = log.splitlines()
    said = "".join(f"\n  {line}" for line in lines[-LOG_LINES:])
    if any(DISK_FULL in line for line in lines[-LOOKED_THROUGH:]):
        return f": the disk is full; make room on it and start again, what was acknowledged is kept{said}"
    if PORT_TAKEN in said:
        return f": port {port} is taken{said}"
    return said


def _options() -> list[str]:
    return [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
