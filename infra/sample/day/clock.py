"""The clock of a played day: hours that pass many times faster than they do outside."""

from __future__ import annotations

import asyncio
from datetime import timedelta


class DayClock:
    """Begins at an hour (minutes of the day) when it is made, inside a running loop. speed: hours of the day for one outside."""

    def __init__(self, begins_at: int, speed: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._begins_at, self._speed, self._began = begins_at, speed, self._loop.time()
        self._waits_for = begins_at

    def now(self) -> str:
        """As people read it. It stands still where what is done at an hour takes longer than the hour lasts."""
        elapsed = (self._loop.time() - self._began) * self._speed / 60
        hour, minute = divmod(int(min(self._begins_at + elapsed, self._waits_for)), 60)
        return f"{hour:02d}:{minute:02d}"

    def until(self, hour: int) -> timedelta:
        """How long it takes, outside, until an hour of the day; zero where it has passed."""
        due = self._began + (hour - self._begins_at) * 60 / self._speed
        return timedelta(seconds=max(0.0, due - self._loop.time()))

    async def reach(self, hour: int) -> None:
        """Returns at that hour, or at once where it has passed."""
        self._waits_for = max(self._waits_for, hour)
        await asyncio.sleep(self.until(hour).total_seconds())
