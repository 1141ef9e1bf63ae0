"""Processes of our own: they end with us, however we end, and not before us.

Load-bearing: a server lives in a session of its own, so that Ctrl-C reaches us and not it. The kernel tells it to stop when the thread
that started it is gone (`PR_SET_PDEATHSIG`); a change of user clears that, so it is asked for after it. Start servers on the main thread.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic

from infra.embedded.account import Account

POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None)


class OwnServerError(RuntimeError):
    """A server of ours cannot run, or has ended by itself. The message says what to do."""


Orders = Sequence[tuple[signal.Signals, float]]  # what to say, and how many seconds to wait for its effect


def spawn(
    command: Sequence[str | Path],
    folder: Path,
    log_path: Path,
    account: Account,
    *,
    environment: Mapping[str, str] | None = None,
    keeps: Sequence[int] = (),
    order: signal.Signals = signal.SIGINT,
) -> subprocess.Popen[bytes]:
    """A process of ours, working in `folder` as the account; its words are added to the log. Raises OSError.

    environment: beside what every process gets. keeps: open files that it gets. order: what it is told when we are gone."""
    with log_path.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own binaries
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath} | dict(environment or {}),
            start_new_session=True,
            pass_fds=keeps,
            user=account.uid if account.is_dropped_to else None,
            group=account.gid if account.is_dropped_to else None,
            extra_groups=[] if account.is_dropped_to else None,
            preexec_fn=_orphan_guard(os.getpid(), order),
        )


def end_with_parent(order: signal.Signals) -> None:
    """This process gets the order when the one that started it is gone (Linux)."""
    guard = _orphan_guard(os.getppid(), order)
    if guard is not None:
        guard()


def _orphan_guard(parent: int, order: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None

    def ask_kernel() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(order))
        if os.getppid() != parent:  # it was gone before we asked
            os._exit(1)

    return ask_kernel


async def end(process: subprocess.Popen[bytes], orders: Orders) -> None:
    """One order after the other until it has ended, and at last SIGKILL."""
    for order, seconds in orders:
        process.send_signal(order)
        if await until(lambda: process.poll() is not None, seconds):
            return
    process.kill()
    await asyncio.to_thread(process.wait)


async def end_stranger(pid: int, working_folder: Path, orders: Orders) -> None:
    """The same for a process that is no child of ours, as long as it works in that folder."""
    for order, seconds in (*orders, (signal.SIGKILL, 1.0)):
        if not works_in(pid, working_folder):
            return
        os.kill(pid, order)
        await until(lambda: not works_in(pid, working_folder), seconds)


def works_in(pid: int, folder: Path) -> bool:
    """Whether the process lives, and in this folder: its number may have passed to another. Where there is no `/proc`, living is enough."""
    try:
        os.kill(pid, 0)
        return not Path("/proc/self").exists() or Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
    except (ProcessLookupError, PermissionError, FileNotFoundError):
        return False


async def until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Whether it became so in that time."""
    deadline = monotonic() + seconds
    while not (found := is_so()) and monotonic() < deadline:  # noqa: ASYNC110 - the end of a process sets no event
        await asyncio.sleep(POLL_SECONDS)
    return found
