"""The live stream: what the feed tells, as it happens, as server-sent events.

Load-bearing: a client is nothing but a position. One `Tail` a process follows the feed and keeps its last entries in a ring; a client reads
behind its own position from the ring, or page by page from the feed where it is further back. So a slow client costs no memory, and
nobody loses or doubles anything.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from gateway.forwarding import Forwarder
from kit.pagination import cursor, read_cursor
from kit.problems import Problem, Relayed, Unavailable, refused

log = structlog.get_logger()
RING = 4096
PAGE = 500
WAIT_SECONDS = 20
RETRY_SECONDS = 0.5
CURSOR = "feed"


@dataclass(frozen=True, slots=True)
class Filter:
    """api.md, Feed: types; family and department filter offers and wants, matches and deals pass them."""

    reader: UUID
    types: frozenset[str] | None = None
    family: str | None = None
    department: str | None = None

    def passes(self, entry: dict[str, Any]) -> bool:
        audience, families, kind = entry["audience"], entry["families"], entry["event"]["type"]
        if audience is not None and str(self.reader) not in audience:
            return False
        if self.types is not None and kind not in self.types:
            return False
        is_listing = families is not None
        if is_listing and self.family is not None and self.family not in families:
            return False
        return not (is_listing and self.department is not None and self.department != entry["department"])


def read_position(text: str) -> int:
    """The position of a cursor of the feed. Raises 422."""
    match read_cursor(CURSOR, text, "Last-Event-ID"):
        case [int(position)] if 0 <= position < 2**63:
            return position
    raise refused("Last-Event-ID", "is no cursor of the feed: send the `id` of an event, as it was given")


class Tail:
    """Follows the feed for all clients of this process."""

    def __init__(self, forwarder: Forwarder) -> None:
        self.forwarder = forwarder
        self.ring: deque[dict[str, Any]] = deque(maxlen=RING)
        self.has_moved = asyncio.Condition()
        self.is_draining = False
        self.open_streams = 0

    async def run(self) -> None:
        """For ever: from the head of the feed at the start, one long poll after another."""
        position: int | None = None
        while True:
            try:
                position = await self.head() if position is None else await self._follow(position)
            except (Problem, OSError, ValueError, KeyError) as error:
                log.warning("the feed cannot be followed; trying again", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, position: int) -> int:
        entries = await self.page(position, WAIT_SECONDS)
        if entries:
            self.ring.extend(entries)
            position = entries[-1]["position"]
            async with self.has_moved:
                self.has_moved.notify_all()
        return position

    async def head(self) -> int:
        """Where the feed ends now."""
        return int((await self._ask("/internal/feed/head", {}))["position"])

    async def page(self, after: int, wait_seconds: float = 0) -> list[dict[str, Any]]:
        """The entries behind a position. Raises the feed's own problem (410) where the feed no longer goes back so far."""
        query: dict[str, object] = {"after": after, "limit": PAGE, "wait_seconds": wait_seconds}
        found: list[dict[str, Any]] = (await self._ask("/internal/feed", query, wait_seconds))["entries"]
        return found

    async def _ask(self, path: str, query: dict[str, object], wait_seconds: float = 0) -> dict[str, Any]:
        answer = await self.forwarder.ask("notifications", path, query, self.forwarder.deadline_seconds + wait_seconds)
        found: dict[str, Any] = json.loads(await answer.read())
        if answer.status != 200:
            raise Relayed(found)
        return found

    async def behind(self, position: int, wait_seconds: float) -> list[dict[str, Any]]:
        """What comes after a position: from the ring, from the feed, or (after waiting) nothing."""
        if self.ring and self.ring[0]["position"] <= position + 1:
            if entries := self._in_ring(position):
                return entries
            await self._until_moved(position, wait_seconds)
            return self._in_ring(position)
        if entries := await self.page(position):
            return entries
        await self._until_moved(position, wait_seconds)
        return await self.page(position)

    def _in_ring(self, position: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for entry in reversed(self.ring):
            if entry["position"] <= position:
                break
            found.append(entry)
        return found[::-1]

    async def _until_moved(self, position: int, wait_seconds: float) -> None:
        def is_over() -> bool:
            return self.is_draining or bool(self.ring and self.ring[-1]["position"] > position)

        try:
            async with asyncio.timeout(wait_seconds), self.has_moved:
                await self.has_moved.wait_for(is_over)
        except TimeoutError:
            pass

    async def drain(self) -> None:
        """Every stream ends, and its client comes back to whoever serves then."""
        self.is_draining = True
        async with self.has_moved:
            self.has_moved.notify_all()


async def told(tail: Tail, filters: Filter, position: int, keep_alive_seconds: float) -> AsyncIterator[bytes]:
    """The stream of one client, from behind a position on. A comment keeps it open while nothing happens."""
    tail.open_streams += 1
    try:
        yield b"retry: 1000\n: ayni\n\n"
        while not tail.is_draining:
            try:
                entries = await tail.behind(position, keep_alive_seconds)
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for entry in entries:
                position = entry["position"]
                if filters.passes(entry):
                    yield event_lines(entry)
            if not entries:
                yield b": still here\n\n"
    finally:
        tail.open_streams -= 1


def event_lines(entry: dict[str, Any]) -> bytes:
    """id, event and data of one event (WHATWG HTML, Server-sent events)."""
    place = cursor(CURSOR, entry["position"])
    event = entry["event"] | {"aynicursor": place}
    return f"id: {place}\nevent: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
