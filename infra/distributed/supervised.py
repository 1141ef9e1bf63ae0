"""A part's process under supervision: started, replaced when it stops or has ended by itself, ended when the cluster ends.

Load-bearing: the listening socket is ours and is handed down, so a call that comes while a process is being replaced waits in the kernel's
queue for its successor; and the folder, in which the process works and leaves its id, so that one which outlived us is known and ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic

from infra.distributed.notify import STOPPING, Ear
from infra.embedded.account import Account
from infra.embedded.process import OwnServerError, end, end_stranger, spawn, until
from kit.forwarding import PartRequest
from kit.forwarding_http import HttpPart
from kit.problems import Unavailable
from kit.transient import backoff_seconds

STOPPING_ORDERS = ((signal.SIGTERM, 11.0),)  # a part drains within 10 s
LEFTOVER_ORDERS = ((signal.SIGTERM, 2.0),)  # it was told when its supervisor was gone, and nobody can call it any more
LOG_BYTES = 8 * 2**20
LOG_LINES = 12
WATCH_SECONDS = 0.1
STEADY_SECONDS = 20.0  # who has lived so long is no longer trying to start
LONGEST_PAUSE_SECONDS = 10.0
READY = PartRequest("GET", "/readyz", deadline_seconds=3)

Say = Callable[[str], None]


class Supervised:
    """One process over one folder. words: its command. port: where it serves; None for what does its work and ends."""

    def __init__(
        self, name: str, words: Sequence[str | Path], environment: Mapping[str, str], folder: Path, listener: socket.socket | None = None
    ) -> None:
        self.name, self.folder, self.log_path = name, folder, folder / "log"
        self.port: int | None = listener.getsockname()[1] if listener is not None else None
        self._words = [*words, *(["--fd", str(listener.fileno())] if listener is not None else [])]
        self._keeps = [] if listener is None else [listener.fileno()]
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._leaving: list[subprocess.Popen[bytes]] = []
        self._ear: Ear | None = None
        self._begun, self._deaths = 0.0, 0

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return self._process.pid if self._process is not None else None

    async def end_leftover(self) -> None:
        """Of a cluster that was killed: it may still have the database, the partitions and the port."""
        kept = self.folder / "pid"
        if kept.exists() and (pid := kept.read_text().strip()).isdigit():
            await end_stranger(int(pid), self.folder, LEFTOVER_ORDERS)
        kept.unlink(missing_ok=True)

    def start(self) -> None:
        """Call it on the main thread. Raises OSError."""
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES:
            self.log_path.replace(self.log_path.with_name("log.1"))
        account = Account(os.geteuid(), os.getegid(), is_dropped_to=False)
        self._ear = self._ear or Ear(self.folder)
        self._begun = monotonic()
        self._process = spawn(
            self._words,
            self.folder,
            self.log_path,
            account,
            environment=self._environment | {"NOTIFY_SOCKET": self._ear.address},
            keeps=self._keeps,
            order=signal.SIGTERM,
        )
        (self.folder / "pid").write_text(f"{self._process.pid}\n")

    def how_it_ended(self) -> str | None:
        """None while it runs."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return None
        return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with code {code}"

    async def finished(self, seconds: float) -> None:
        """Returns when it has done its work. Raises OwnServerError where it could not, or takes longer."""
        if not await until(lambda: self.how_it_ended() is not None, seconds):
            raise OwnServerError(f"{self.name} takes longer than {seconds:g} s{self.last_words()}")
        if (how := self.how_it_ended()) != "with code 0":
            raise OwnServerError(f"{self.name} ended {how}{self.last_words()}")

    async def ready(self, seconds: float) -> None:
        """Returns when it answers that it is ready. Raises OwnServerError where it ends instead, or takes longer."""
        deadline = monotonic() + seconds
        async with HttpPart([f"http://127.0.0.1:{self.port}"], patience_seconds=0) as part:
            while not await _is_ready(part):
                if (how := self.how_it_ended()) is not None:
                    raise OwnServerError(f"{self.name} ended {how} before it was ready{self.last_words()}")
                if monotonic() > deadline:
                    raise OwnServerError(f"{self.name} is not ready after {seconds:g} s{self.last_words()}")
                await asyncio.sleep(WATCH_SECONDS)

    async def keep(self, say: Say, changed: Callable[[], None]) -> None:
        """Until cancelled: what stops or has ended is replaced, after a pause that grows while it does so at once."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self._leaving = [one for one in self._leaving if one.poll() is None]
            is_stopping = self._ear is not None and STOPPING in self._ear.heard()
            if (how := self.how_it_ended()) is not None:
                await self._replace(f"{self.name} ended {how}", say, changed)
            elif is_stopping and self._process is not None:
                self._leaving.append(self._process)
                await self._replace(f"{self.name} was asked to stop", say, changed)

    async def _replace(self, why: str, say: Say, changed: Callable[[], None]) -> None:
        self._deaths = 1 if monotonic() - self._begun > STEADY_SECONDS else self._deaths + 1
        pause = backoff_seconds(self._deaths, LONGEST_PAUSE_SECONDS)
        say(f"{why}; another is started" + (f" in {pause:.1f} s, attempt {self._deaths}" if self._deaths > 1 else ""))
        await asyncio.sleep(pause)
        self.start()
        changed()

    async def stop(self) -> None:
        """It drains and ends, and so does one that is still leaving. Idempotent."""
        processes, self._process, self._leaving = [self._process, *self._leaving], None, []
        await asyncio.gather(*(end(process, STOPPING_ORDERS) for process in processes if process is not None))
        if self._ear is not None:
            self._ear.close()
            self._ear = None
        (self.folder / "pid").unlink(missing_ok=True)

    def last_words(self) -> str:
        """The end of its log, as the end of an error message."""
        lines = self.log_path.read_text(errors="replace").splitlines()[-LOG_LINES:] if self.log_path.exists() else []
        return "".join(f"\n  {line[:400]}" for line in lines)


async def _is_ready(part: HttpPart) -> bool:
    try:
        answer = await part.call(READY)
        await answer.read()
    except (Unavailable, OSError):
        return False
    return answer.status == 200
