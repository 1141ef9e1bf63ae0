"""The stream of one client: server-sent events (WHATWG HTML, section 9.2), until it goes away or the process stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from secrets import randbelow

from prometheus_client import Gauge

from gateway.stream.entry import Filter
from gateway.stream.tail import Tail
from kit.problems import Problem, Unavailable

OPEN_STREAMS = Gauge("ayni_gateway_open_streams", "Live streams being told")
OPENED = b": ayni\n\n"
STILL_HERE = b": still here\n\n"


async def told(tail: Tail, filters: Filter, position: int, keep_alive_seconds: float) -> AsyncIterator[bytes]:
    """What lies behind a position and passes the filters, as it happens; a comment where nothing did for so many seconds."""
    clock = asyncio.get_running_loop().time
    with OPEN_STREAMS.track_inprogress():
        yield OPENED
        speaks_at = clock() + keep_alive_seconds
        while not tail.is_draining:
            moved, patience = tail.moved, speaks_at - clock()
            try:
                entries = await tail.behind(position)
            except Unavailable:
                entries, patience = (), min(patience, tail.retry_seconds)
            except Problem:
                break  # the feed was pruned past a client that stood still: coming back, it reads why
            if lines := b"".join(entry.lines for entry in entries if filters.passes(entry)):
                yield lines
                speaks_at = clock() + keep_alive_seconds
            if entries:
                position = entries[-1].position
            else:
                await _within(patience, moved)
            if clock() >= speaks_at:
                yield STILL_HERE
                speaks_at = clock() + keep_alive_seconds
        yield f"retry: {500 + randbelow(2000)}\n\n".encode()  # not all at once


async def _within(seconds: float, moved: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0, seconds)):
            await moved.wait()
