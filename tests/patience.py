"""How tests wait: for what comes by itself, and for what is not what they are about, on a machine that does other things, too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from threading import Event
from time import monotonic
from typing import TypeVar

Found = TypeVar("Found")
PATIENCE_SECONDS = 180.0  # a test that waits so long has failed
LOOK_SECONDS = 0.02
UNHURRIED = {"pool_wait_seconds": 300, "statement_timeout_seconds": 60}  # settings of a part in the test's own process
UNHURRIED_ENVIRONMENT = {  # of parts in processes of their own
    "AYNI_DEADLINE_SECONDS": "60",
    "AYNI_STATEMENT_TIMEOUT_SECONDS": "60",
    "AYNI_POOL_WAIT_SECONDS": "30",
    "AYNI_WAITS_FOR_OWNER_SECONDS": "30",
    "AYNI_WAITS_FOR_LISTING_SECONDS": "20",
}


def until(look: Callable[[], Found | None], what: str, seconds: float = PATIENCE_SECONDS) -> Found:
    """The first that is there; an AssertionError when nothing comes in time."""
    deadline, pause = monotonic() + seconds, Event()
    while not (found := look()):
        assert monotonic() < deadline, f"not within {seconds:g} s: {what}"
        pause.wait(LOOK_SECONDS)
    return found


async def until_found(look: Callable[[], Awaitable[Found | None]], what: str, seconds: float = PATIENCE_SECONDS) -> Found:
    """As `until`, for a look that is awaited."""
    deadline = monotonic() + seconds
    while not (found := await look()):
        assert monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(LOOK_SECONDS)
    return found
