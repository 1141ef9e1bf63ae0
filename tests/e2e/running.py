"""The exchange as its users start it: the command `ayni run` in a process of its own, which tests may kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests.patience import PATIENCE_SECONDS, UNHURRIED_ENVIRONMENT, until

COMMAND = Path(sys.executable).with_name("ayni")


class Exchange:
    """One exchange in a folder; started again it finds its data. options: of `ayni run`; patience: seconds until it must be ready."""

    def __init__(self, folder: Path, options: Sequence[str] = ("--port", "0", "--no-sample"), patience: float = PATIENCE_SECONDS) -> None:
        self.folder, self.options, self.patience = folder, options, patience
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> httpx.Client:
        """A client of its gateway, once it is ready."""
        self.launch(**environment)
        until(self._is_ready, "the exchange runs", self.patience)
        return self.client()

    def client(self) -> httpx.Client:
        """Of the gateway."""
        return httpx.Client(base_url=self.running["gateway"], timeout=90, limits=httpx.Limits(max_connections=64))

    def launch(self, **environment: str) -> None:
        """Begins to start it."""
        settings = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | UNHURRIED_ENVIRONMENT | environment
        command = [COMMAND, "run", "--var", self.folder / "var", "--end-with-parent", *self.options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=settings, stdout=log, stderr=log)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return any(one["pid"] == self.process.pid for one in self.running["processes"])
        except FileNotFoundError:  # also where the one of a killed process is being taken away
            return False

    @property
    def running(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "var" / "running.json").read_text())
        return found

    def asked(self, query: str) -> Any:
        """One value from its own database."""

        async def fetch() -> Any:
            connection = await asyncpg.connect(self.running["database"], timeout=60)
            try:
                return await connection.fetchval(query)
            finally:
                await connection.close()

        return asyncio.run(fetch())

    def await_death(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Until it has killed itself."""
        assert self.process is not None
        assert self.process.wait(seconds) == -signal.SIGKILL

    def kill(self) -> None:
        """As bad luck does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.is_running:
            self.process.terminate()
            self.process.wait(PATIENCE_SECONDS)
