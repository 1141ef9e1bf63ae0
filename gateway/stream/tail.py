"""Follows the feed once for all clients of this process.

Load-bearing: `_start`. The ring holds everything that lies behind it, so a client at or behind it is served from memory, and one further
back from the feed itself. A client is nothing but a position: slow ones cost no memory, and nobody loses or doubles anything.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import structlog

from gateway.forwarding import Forwarder
from gateway.stream.entry import FIELD, Entry
from kit.problems import Problem, Relayed, Unavailable, refused

log = structlog.get_logger()
RING = 4096
PAGE = 500
BATCH = 64  # what a client that stands still may keep from being forgotten
WAIT_SECONDS = 20
RETRY_SECONDS = 0.5


class Tail:
    """moved: the event that the next entries, or the end, will set; take it before looking, so that nothing falls between."""

    def __init__(self, forwarder: Forwarder, ring: int = RING, retry_seconds: float = RETRY_SECONDS) -> None:
        self.moved = asyncio.Event()
        self.is_draining = False
        self.retry_seconds = retry_seconds
        self._forwarder = forwarder
        self._ring: deque[Entry] = deque()
        self._size = ring
        self._start: int | None = None
        self._head = 0

    async def run(self) -> None:
        """For ever: from the head of the feed at the start, one long poll after another. Logs a change of state, not each try."""
        failures = 0
        while True:
            try:
                await self._follow()
            except (Problem, OSError, ValueError, KeyError) as error:
                failures += 1
                if failures == 1:
                    log.warning("the feed cannot be followed; trying again", error=type(error).__name__)
                await asyncio.sleep(self.retry_seconds)
            else:
                if failures:
                    log.info("the feed is followed again", failures=failures)
                failures = 0

    async def _follow(self) -> None:
        if self._start is None:
            self._start = self._head = await self.head()
        if entries := await self.page(self._head, WAIT_SECONDS):
            self._take(entries)

    def _take(self, entries: Sequence[Entry]) -> None:
        self._ring.extend(entries)
        self._head = entries[-1].position
        while len(self._ring) > self._size:
            self._start = self._ring.popleft().position
        self._wake()

    def _wake(self) -> None:
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()

    def drain(self) -> None:
        """Every stream ends, and its client comes back to whoever serves then."""
        self.is_draining = True
        self._wake()

    async def head(self) -> int:
        """Where the feed ends now. Raises 503."""
        return int((await self._ask("/internal/feed/head", {}))["position"])

    async def resumed(self, position: int) -> int:
        """The position, if the feed goes on from it. Raises 410 where it no longer goes back so far, 422 beyond its end."""
        if not self._holds(position) or position > self._head:
            found = await self._look(position, 1, 0)
            if position > found["head"]:
                raise refused(FIELD, "lies beyond the end of this feed: it is of another one")
        return position

    async def behind(self, position: int) -> Sequence[Entry]:
        """Some entries behind a position, oldest first; none where nothing is there yet. Raises 410, 503."""
        if not self._holds(position):
            return await self.page(position)
        first = bisect_right(self._ring, position, key=lambda entry: entry.position)
        return list(islice(self._ring, first, first + BATCH))

    def _holds(self, position: int) -> bool:
        return self._start is not None and position >= self._start

    async def page(self, after: int, wait_seconds: float = 0) -> Sequence[Entry]:
        """The entries behind a position, from the feed itself; waits for one. Raises 410, 503."""
        return [Entry.of(one) for one in (await self._look(after, PAGE, wait_seconds))["entries"]]

    async def _look(self, after: int, limit: int, wait_seconds: float) -> dict[str, Any]:
        return await self._ask("/internal/feed", {"after": after, "limit": limit, "wait_seconds": wait_seconds}, wait_seconds)

    async def _ask(self, path: str, query: Mapping[str, object], wait_seconds: float = 0) -> dict[str, Any]:
        status, said = await self._forwarder.ask("notifications", path, query, self._forwarder.deadline_seconds + wait_seconds)
        if status >= 500:
            raise Unavailable("the feed cannot be read; try again in a moment")
        found: dict[str, Any] = json.loads(said)
        if status != 200:
            raise Relayed(found)
        return found
