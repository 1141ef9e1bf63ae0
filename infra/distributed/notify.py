"""What a process tells whoever supervises it: that it serves, that it is about to stop (the protocol of systemd's `sd_notify`).

Load-bearing: STOPPING. The successor is started when it comes, and not when the process has ended, so that it is there sooner.
"""

from __future__ import annotations

import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

LONGEST_FOLDER = 90  # of the 104 to 108 bytes of a path
READY, STOPPING = "READY=1", "STOPPING=1"


class NotifySettings(BaseSettings):
    """notify_socket: where the supervisor listens, by systemd's own name; None: nobody does."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    notify_socket: str | None = None


def notify(state: str) -> None:
    """Says it, if anybody listens."""
    address = NotifySettings().notify_socket
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.setblocking(False)
        to.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


class Ear:
    """The supervisor's end, in a folder of its own; in a short one elsewhere where the path would be longer than a socket's may be."""

    def __init__(self, folder: Path) -> None:
        self._elsewhere = tempfile.TemporaryDirectory(prefix="ayni-") if len(str(folder)) > LONGEST_FOLDER else None
        self._path = Path(self._elsewhere.name if self._elsewhere is not None else folder) / "notify"
        self.address = str(self._path)
        self._path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(self.address)

    def heard(self) -> list[str]:
        """What was said since the last time."""
        said: list[str] = []
        with suppress(BlockingIOError):
            while True:
                said.append(self.socket.recv(1024).decode(errors="replace"))
        return said

    def close(self) -> None:
        """Nothing more is heard. Idempotent."""
        self.socket.close()
        self._path.unlink(missing_ok=True)
        if self._elsewhere is not None:
            self._elsewhere.cleanup()
