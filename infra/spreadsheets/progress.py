"""How far an upload is, on stderr: one line that is written over on a terminal, a line now and then in a log."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import TextIO

from infra.spreadsheets.upload import Upload

ON_A_TERMINAL_SECONDS, IN_A_LOG_SECONDS = 0.2, 5.0
MEGABYTE = 10**6


@asynccontextmanager
async def shown(upload: Upload, name: str, out: TextIO = sys.stderr) -> AsyncIterator[None]:
    """While the block lasts."""
    begin, is_terminal = monotonic(), out.isatty()
    watching = asyncio.create_task(_watch(upload, name, begin, out, is_terminal))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        _say(words(upload, name, monotonic() - begin), out, is_terminal)
        if is_terminal:
            out.write("\n")


async def _watch(upload: Upload, name: str, begin: float, out: TextIO, is_terminal: bool) -> None:
    while True:
        _say(words(upload, name, monotonic() - begin), out, is_terminal)
        await asyncio.sleep(ON_A_TERMINAL_SECONDS if is_terminal else IN_A_LOG_SECONDS)


def words(upload: Upload, name: str, seconds: float) -> str:
    """Such as `offers.csv: 4,000 lines, 0.6 of 1.4 MB sent, 0.3 s`."""
    sent = f"{name}: {upload.lines:,} lines, {upload.sent / MEGABYTE:.1f} of {upload.size / MEGABYTE:.1f} MB sent"
    return f"{sent}, the exchange is at work, {seconds:.1f} s" if upload.is_sent else f"{sent}, {seconds:.1f} s"


def _say(said: str, out: TextIO, is_terminal: bool) -> None:
    out.write(f"\r\x1b[K{said}" if is_terminal else f"{said}\n")
    out.flush()
