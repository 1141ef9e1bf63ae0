"""A tiny exchange as whoever types `make run` has it: a process, its folder, and what it says."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.embedded.process import until
from tests.patience import PATIENCE_SECONDS


@dataclass
class ExchangeProcess:
    """var: its folder. port 0: any free one."""

    var: Path
    port: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    @property
    def running_path(self) -> Path:
        return self.var / "running.json"

    def begin(self) -> subprocess.Popen[str]:
        """Starts it, and waits for nothing."""
        script = Path(__file__).with_name("tiny_exchange.py")
        environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "SAMPLE"}} | self.environment
        command = [sys.executable, str(script), str(self.port), str(self.var)]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return self.process

    async def open(self) -> dict[str, Any]:
        """Starts it; what it says of itself when it is ready."""
        stale = self._written()
        process = self.begin()

        def is_ready() -> bool:
            return process.poll() is not None or self._written() not in (None, stale)

        assert await until(is_ready, PATIENCE_SECONDS), "it is not ready in time"
        assert process.poll() is None, process.communicate()[1]
        found: dict[str, Any] = json.loads(self.running_path.read_text())
        return found

    def _written(self) -> int | None:
        """When; None: there is no word of it, or it is just being taken back."""
        try:
            return self.running_path.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def end(self, order: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        assert self.process is not None
        self.process.send_signal(order)
        said, complained = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, said, complained

    def kill(self) -> None:
        """Whatever is left of it."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()

    def running_mode(self) -> int:
        return stat.S_IMODE(self.running_path.stat().st_mode)
