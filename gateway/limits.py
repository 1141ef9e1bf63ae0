"""Joining is limited per address, so that nobody fills the exchange with invented firms (api.md, Conventions)."""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from kit.problems import Problem


class TooMany(Problem):
    status, slug, title = 429, "too-many-joins", "Too many have joined from this address"


class JoinLimit:
    """per_minute: None or 0 lets everybody in (a local run)."""

    def __init__(self, per_minute: int | None) -> None:
        self._item = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def check(self, address: str) -> None:
        """Raises 429 with Retry-After."""
        if self._item is None or await self._limiter.hit(self._item, address):
            return
        reset = (await self._limiter.get_window_stats(self._item, address)).reset_time
        wait = max(1, math.ceil(reset - time.time()))
        raise TooMany(f"try again in {wait} s, or ask an operator to let you in", headers={"Retry-After": str(wait)})
