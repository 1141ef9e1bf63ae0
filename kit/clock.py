"""Time is passed in: a clock is any function that gives the present moment, aware, in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)
