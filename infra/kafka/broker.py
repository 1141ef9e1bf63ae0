"""One broker: a Java process over one folder, made, started, found ready, killed and stopped by us.

Load-bearing: a broker works in its folder and leaves its process id there, so that one which outlived a killed parent is known and ended
before another one opens the same data.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

from infra.embedded.account import Account
from infra.embedded.process import end, end_stranger, spawn, until
from infra.kafka.jars import KafkaServerError
from infra.kafka.properties import HOST, LOGGING, Node, properties
from infra.kafka.warm import java_command

__all__ = ["Broker", "KafkaServerError"]

FORMAT_SECONDS = 60.0
STOPPING = (
    (signal.SIGTERM, 6.0),
)  # it hands its partitions over and closes its segments; what takes longer is recovered at the next start
LOG_BYTES = 8 * 2**20
LOG_LINES = 8
LEAST_FREE_BYTES = 2**20
DISK_FULL = "No space left on device"
_EXPLAINED = {
    DISK_FULL: "the disk is full",
    "Address already in use": "a port is taken",
    "Invalid cluster.id": "the data in its folder is another cluster's",
    "Insufficient space for shared memory": "no memory is left",
    "OutOfMemoryError": "no memory is left",
}


class Broker:
    """One node of a cluster, for one process; it may be started again after it was stopped or killed, or has ended."""

    def __init__(self, folder: Path, node: Node, nodes: list[Node], class_path: list[Path]) -> None:
        """Made by the cluster, which has locked the folder above."""
        self.folder, self.node = folder, node
        self._nodes, self._class_path = nodes, class_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process; None while it does not run."""
        return self._process.pid if self._process else None

    @property
    def port(self) -> int:
        """Where clients reach it."""
        return self.node.port

    @property
    def log_path(self) -> Path:
        """What it said, warnings and worse."""
        return self.folder / "kafka.log"

    async def start(self, cluster_id: str) -> None:
        """The process runs; whether it serves is the cluster's question. Raises KafkaServerError and OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._turn_log()
        await self._end_leftover()
        (self.folder / "server.properties").write_text(properties(self.node, self._nodes, self.folder / "data"))
        (self.folder / "log4j2.properties").write_text(LOGGING)
        self._check_data(cluster_id)
        if not (self.folder / "data" / "meta.properties").exists():
            await self._format(cluster_id)
        self._logged = self.log_path.stat().st_size
        self._process = self._spawn("-Dlog4j2.configurationFile=log4j2.properties", "kafka.Kafka", "server.properties")
        (self.folder / "pid").write_text(f"{self._process.pid}\n")

    def check(self) -> None:
        """Raises KafkaServerError where it was started and has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise KafkaServerError(f"Kafka's broker {self.node.number} has ended by itself{self._cause(self._logged)}")

    def is_taken_port(self) -> bool:
        """Whether it has ended because something else listens where it should."""
        ended = self._process is not None and self._process.poll() is not None
        return ended and "Address already in use" in self._said(self._logged)

    async def stop(self) -> None:
        """It hands over and ends. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            await end(process, STOPPING)
            (self.folder / "pid").unlink(missing_ok=True)

    async def kill(self) -> None:
        """It ends at once, as in a power failure. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.wait)

    def explain(self) -> str:
        """What it said last, as the end of an error message."""
        return self._cause(self._logged)

    async def _format(self, cluster_id: str) -> None:
        logged = self.log_path.stat().st_size
        process = self._spawn("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", "server.properties")
        if not await until(lambda: process.poll() is not None, FORMAT_SECONDS):
            process.kill()
        if await asyncio.to_thread(process.wait) != 0:
            raise KafkaServerError(f"Kafka's broker {self.node.number} cannot prepare its folder{self._cause(logged)}")

    def _check_data(self, cluster_id: str) -> None:
        """Kafka itself says this in a stack trace, after four seconds."""
        meta = self.folder / "data" / "meta.properties"
        if not meta.exists():
            return
        found = dict(line.partition("=")[::2] for line in meta.read_text().splitlines() if not line.startswith("#"))
        if found.get("cluster.id") != cluster_id:
            raise KafkaServerError(
                f"the data in {meta.parent} belongs to the cluster {found.get('cluster.id')}, and this one is {cluster_id}:"
                " put the right folder back, or remove it to begin with an empty broker"
            )

    def _spawn(self, *words: str) -> subprocess.Popen[bytes]:
        account = Account(os.geteuid(), os.getegid(), is_dropped_to=False)  # unlike PostgreSQL, it does not mind
        command = java_command(self._class_path, *words)
        # Not SIGINT: Java goes on ignoring it where a shell had it ignored.
        return spawn(command, self.folder, self.log_path, account, order=signal.SIGTERM)

    async def _end_leftover(self) -> None:
        kept = self.folder / "pid"
        if kept.exists() and (pid := kept.read_text().strip()).isdigit():
            await end_stranger(int(pid), self.folder, STOPPING)
        kept.unlink(missing_ok=True)

    def _turn_log(self) -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        self.log_path.touch(mode=0o600)

    def _said(self, since: int) -> str:
        return self.log_path.read_bytes()[since:].decode(errors="replace")

    def _cause(self, since: int) -> str:
        is_full = shutil.disk_usage(self.folder).free < LEAST_FREE_BYTES  # then there may be nothing in the log, either
        return explain(self._said(since) or (DISK_FULL if is_full else ""), self.node)


def explain(log: str, node: Node) -> str:
    """The end of an error message: what is known to be the matter, then the last lines of the log that are no stack trace."""
    lines = [line for line in log.splitlines() if line.strip() and not line.startswith(("\t", "    at "))][-LOG_LINES:]
    known = [meaning for sign, meaning in _EXPLAINED.items() if sign in log]
    where = f" ({HOST}:{node.port} or {node.controller_port})" if "a port is taken" in known else ""
    return "".join([f": {known[0]}{where}" if known else "", *(f"\n  {line[:400]}" for line in lines)])
