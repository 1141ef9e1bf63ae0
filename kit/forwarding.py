"""The forwarding port: one part calls another, either in this process or (distributed) over HTTP.

Load-bearing: `AsgiPart` calls the app itself under a deadline and hands its chunks on as they come; a client library's in-process
transport would buffer a stream for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message

from kit.problems import Unavailable

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class PartRequest:
    """path and query as they came, still percent-encoded; deadline_seconds: until the answer begins, and between its chunks."""

    method: str
    path: str
    query: bytes = b""
    headers: Headers = ()
    body: bytes = b""
    deadline_seconds: float = 10


class AnswerCutOff(ConnectionError):
    """The part, or the way to it, broke off in the middle of an answer."""


@dataclass(slots=True)
class PartAnswer:
    """The beginning of an answer; its headers are as they came, those of the hop too. `chunks` must be read to the end, or closed. They
    raise TimeoutError where the part falls silent, and AnswerCutOff, or what the part itself raised, where it breaks off."""

    status: int
    headers: Headers
    chunks: AsyncIterator[bytes] = field(repr=False)

    async def read(self) -> bytes:
        """The whole body. Raises Unavailable where it does not come to its end."""
        try:
            return b"".join([chunk async for chunk in self.chunks])
        except (TimeoutError, AnswerCutOff):
            raise Unavailable("the part behind this path broke off in the middle of its answer") from None


class Part(Protocol):
    """A part that can be called. Raises Unavailable where it does not begin to answer in time."""

    async def call(self, request: PartRequest) -> PartAnswer: ...


class AsgiPart:
    """A part in this process."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def call(self, request: PartRequest) -> PartAnswer:
        messages: asyncio.Queue[Message | None] = asyncio.Queue(maxsize=16)
        gone = asyncio.Event()
        work = asyncio.create_task(self._run(request, messages, gone))
        try:
            async with asyncio.timeout(request.deadline_seconds):
                start = await messages.get()
        except TimeoutError:
            await _cancel(work)
            raise Unavailable("the part behind this path takes too long; try again in a moment") from None
        except asyncio.CancelledError:
            await _cancel(work)
            raise
        if start is None:
            await work
            raise Unavailable("the part behind this path gave no answer")
        return PartAnswer(start["status"], start["headers"], _chunks(messages, work, gone, request.deadline_seconds))

    async def _run(self, request: PartRequest, messages: asyncio.Queue[Message | None], gone: asyncio.Event) -> None:
        is_sent = False

        async def receive() -> Message:
            nonlocal is_sent
            if is_sent:
                await gone.wait()
                return {"type": "http.disconnect"}
            is_sent = True
            return {"type": "http.request", "body": request.body, "more_body": False}

        try:
            await self.app(_scope(request), receive, messages.put)
        except asyncio.CancelledError:
            raise  # nobody reads any more, and a full queue would take no end
        except BaseException:
            await messages.put(None)
            raise
        await messages.put(None)


def _scope(request: PartRequest) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote_to_bytes(request.path).decode("utf-8", "replace"),
        "raw_path": request.path.encode("ascii", "replace"),
        "query_string": request.query,
        "root_path": "",
        "headers": list(request.headers),
        "client": None,
        "server": None,
    }


async def _chunks(
    messages: asyncio.Queue[Message | None], work: asyncio.Task[None], gone: asyncio.Event, deadline_seconds: float
) -> AsyncIterator[bytes]:
    """Until the part has said its last; a reader that stops early ends the part's work. Raises TimeoutError where the part falls silent."""
    try:
        while True:
            async with asyncio.timeout(deadline_seconds):
                message = await messages.get()
            if message is None:
                break
            if body := message.get("body", b""):
                yield body
            if not message.get("more_body"):
                break
        gone.set()
        await work
    finally:
        gone.set()
        await _cancel(work)


async def _cancel(work: asyncio.Task[None]) -> None:
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
