"""A folder belongs to one process at a time. The lock is the kernel's, so it ends with the process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"


class FolderInUseError(RuntimeError):
    """Another living process has the folder."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder is ours until the block ends. Raises FolderInUseError, naming the process that has it."""
    file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 32, 0).decode("ascii", "replace").strip()
            raise FolderInUseError(f"{folder} is in use by process {holder or 'unknown'}") from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


@contextmanager
def waited_for(folder: Path) -> Iterator[None]:
    """As `held`, but whoever comes second waits: for what is done once and then found done."""
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
