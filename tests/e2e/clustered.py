"""The distributed system as its users start it: `ayni cluster` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.e2e.running import COMMAND
from tests.patience import PATIENCE_SECONDS, UNHURRIED_ENVIRONMENT, until

START_SECONDS = 400  # six processes and a broker on a machine that does other things, too


@dataclass
class Cluster:
    """One cluster in a folder; started again it finds its data. brokers 0: the bus is PostgreSQL's log."""

    folder: Path
    brokers: int = 1
    owners: int = 2
    process: subprocess.Popen[bytes] | None = None

    @property
    def var(self) -> Path:
        return self.folder / "var"

    def start(self) -> httpx.Client:
        """A client of its gateway, once it is ready."""
        words = ["cluster", "--port", "0", "--var", self.var, "--brokers", str(self.brokers), "--matching", str(self.owners)]
        environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "SAMPLE", "N", "MATCHING"}}
        environment |= UNHURRIED_ENVIRONMENT
        stale = self._written()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([COMMAND, *words, "--end-with-parent"], env=environment, stdout=log, stderr=log)
        until(lambda: self._is_ready(stale), "the cluster runs", START_SECONDS)
        return httpx.Client(base_url=self.running["gateway"], timeout=90, limits=httpx.Limits(max_connections=64))

    def _is_ready(self, stale: int) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
        return self._written() not in (0, stale)

    def _written(self) -> int:
        """When the word of a killed one, or of this one, was written; 0: there is none."""
        try:
            return (self.var / "running.json").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    @property
    def running(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.var / "running.json").read_text())
        return found

    def pids(self) -> dict[str, int]:
        """Of every part and server."""
        return {one["name"]: one["pid"] for one in self.running["processes"]}

    def tell(self, name: str, order: signal.Signals) -> int:
        """Whose process was told."""
        pid = self.pids()[name]
        os.kill(pid, order)
        return pid

    def until_replaced(self, name: str, pid: int) -> None:
        """Another process has its place, and is ready."""
        until(lambda: self.pids().get(name) not in (None, pid), f"another {name}")

    def stop(self, order: signal.Signals = signal.SIGINT) -> int:
        """The exit code."""
        assert self.process is not None
        self.process.send_signal(order)
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


def alive(pids: dict[str, int]) -> list[str]:
    """Those whose processes are there."""
    return [name for name, pid in pids.items() if _lives(pid)]


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
