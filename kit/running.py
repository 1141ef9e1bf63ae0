"""Owned background work: loops that live as long as their part, and take it down visibly when they end before it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

log = structlog.get_logger()


@asynccontextmanager
async def running(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs the loops until the block ends, then cancels and awaits them. A loop that ends by itself ends the process."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    for task in tasks:
        task.add_done_callback(_end_process_if_unexpected)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _end_process_if_unexpected(task: asyncio.Task[None]) -> None:
    """A part without its relay or its consumer answers, and does nothing: it must not look alive."""
    if task.cancelled():
        return
    log.critical("a loop of this part ended; stopping", loop=task.get_coro().__qualname__, exc_info=task.exception())  # type: ignore[union-attr]
    os.kill(os.getpid(), signal.SIGTERM)
