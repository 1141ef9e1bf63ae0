"""Our own loops, for the time of a block."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from kit import running as owned


class Looping(Protocol):
    """A relay, a consumer loop."""

    def run(self) -> Coroutine[Any, Any, None]:
        """Until cancelled."""


def running(*loops: Looping) -> AbstractAsyncContextManager[None]:
    """They run until the block ends, as in a part (kit/running.py): one that ends by itself ends the test run."""
    return owned.running(*(loop.run() for loop in loops))
