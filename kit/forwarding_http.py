"""Forwarding over HTTP: the adapter of the port for parts that run as processes of their own, and what such a part needs at its own door.

Load-bearing: what is repeated. A request that was never sent is tried again whatever it is, because a part that is being replaced is
away for a moment; one that was sent and not answered only where doing it twice is doing it once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from io import BytesIO
from itertools import cycle
from time import monotonic
from urllib.parse import quote

import aiohttp
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from yarl import URL

from kit.forwarding import AnswerCutOff, Headers, Part, PartAnswer, PartRequest
from kit.idempotency import HEADER
from kit.problems import BadRequest, Unavailable
from kit.transient import backoff_seconds

IDLE_SECONDS = 1.0  # a part that stops says so for longer than that (infra/distributed/door.py): then none of our connections is idle there
CONNECT_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 0.5
AT_ONCE_BYTES = 2**16
MAX_FIELD_BYTES = 2**16
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
OF_THE_CONNECTION = frozenset(
    {
        b"connection", b"content-length", b"expect", b"host", b"keep-alive", b"proxy-authenticate", b"proxy-authorization",
        b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
REPEATS = 2
ANNOUNCING = frozenset({b"content-length", b"transfer-encoding"})
OUR_HEADERS_ALONE = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError)


class HttpPart:
    """A part at one address or several (`http://host:port`), which take turns; an async context that owns the connections.

    calls_at_once: that wait for the beginning of their answer; more wait here, where they have longer than for a part's own pools. Answers
    that have begun do not count: a slow reader takes nobody's place. patience_seconds: for so long after the part was lost, callers wait
    for it to come back; then they are told at once."""

    def __init__(self, addresses: Sequence[str], *, calls_at_once: int = 32, patience_seconds: float = 8.0) -> None:
        if not addresses:
            raise ValueError("a part needs an address")
        self._count, self._turns = len(addresses), cycle(address.rstrip("/") for address in addresses)
        self._places, self._patience_seconds = asyncio.Semaphore(calls_at_once), patience_seconds
        self._lost_at: float | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpPart:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=OUR_HEADERS_ALONE,
            auto_decompress=False,
            max_line_size=MAX_FIELD_BYTES,
            max_field_size=MAX_FIELD_BYTES,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(self, request: PartRequest) -> PartAnswer:
        try:
            async with asyncio.timeout(request.deadline_seconds), self._places:
                answer = await self._begun(request)
        except TimeoutError:
            raise Unavailable("the part behind this path takes too long; try again in a moment") from None
        lines = [(name.lower(), value) for name, value in answer.raw_headers]
        return PartAnswer(answer.status, lines, _chunks(answer, request.deadline_seconds))

    async def _begun(self, request: PartRequest) -> aiohttp.ClientResponse:
        """The beginning of the answer, of whichever address gives one. Raises Unavailable."""
        tries = repeats = 0
        while True:
            tries += 1
            try:
                answer = await self._send(request, next(self._turns))
            except NEVER_SENT:
                if tries >= self._count and not self._is_patient():
                    raise Unavailable("the part behind this path is away; try again in a moment") from None
            except LOST:
                repeats += 1
                if repeats > REPEATS or not _may_be_repeated(request):
                    raise Unavailable("the part behind this path broke off before it answered; look before you try again") from None
            except aiohttp.ClientError:
                raise Unavailable("the part behind this path gave no answer that can be read") from None
            else:
                self._lost_at = None
                return answer
            if tries >= self._count:
                await asyncio.sleep(backoff_seconds(tries - self._count + 1, LONGEST_PAUSE_SECONDS))

    def _is_patient(self) -> bool:
        if self._lost_at is None:
            self._lost_at = monotonic()
        return monotonic() - self._lost_at < self._patience_seconds

    async def _send(self, request: PartRequest, address: str) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("the part's connections are not open")
        query = f"?{quote(request.query, VISIBLE)}" if request.query else ""
        return await self._session.request(
            request.method,
            URL(f"{address}{quote(request.path, VISIBLE)}{query}", encoded=True),
            headers=_fields(request.headers),
            data=_body(request.body),
            allow_redirects=False,
        )


class HttpParts:
    """Parts that are found by their address while the process runs; an async context that owns the connections.

    Nobody is waited for: who is away may have been replaced, and the caller looks again who it is."""

    def __init__(self) -> None:
        self._opened: dict[str, HttpPart] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> HttpParts:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._opened.clear()
        await self._stack.aclose()

    def at(self, address: str) -> Part:
        """The part at this address; it is connected to when it is called."""
        return PartAt(self, address)

    async def opened(self, address: str) -> HttpPart:
        """The one at this address, with its connections."""
        if address not in self._opened:
            self._opened[address] = await self._stack.enter_async_context(HttpPart([address], patience_seconds=0))
        return self._opened[address]


class PartAt:
    """A part of `HttpParts`."""

    def __init__(self, parts: HttpParts, address: str) -> None:
        self._parts, self._address = parts, address

    async def call(self, request: PartRequest) -> PartAnswer:
        part = await self._parts.opened(self._address)
        return await part.call(request)


def _fields(lines: Headers) -> list[tuple[str, str]]:
    """As the client takes them, without what is of one connection: how long a body is, and where it ends, is for us alone to say.

    Raises 400 where a name or a value could be read as the end of its line."""
    found = []
    for name, value in lines:
        if not NAME.fullmatch(name) or CONTROL.search(value):
            raise BadRequest("a header of this request cannot be handed on")
        if name.lower() not in OF_THE_CONNECTION:
            found.append((name.decode("latin-1"), _text(value)))
    return found


def _text(value: bytes) -> str:
    """The client writes UTF-8, so that is what keeps the bytes as they came."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _body(body: bytes) -> bytes | BytesIO | None:
    """A large one is written a piece at a time."""
    return BytesIO(body) if len(body) > AT_ONCE_BYTES else body or None


def _may_be_repeated(request: PartRequest) -> bool:
    return request.method in REPEATABLE or any(name.lower() == HEADER.encode() for name, _ in request.headers)


async def _chunks(answer: aiohttp.ClientResponse, deadline_seconds: float) -> AsyncIterator[bytes]:
    """Until the part has said its last; a reader that stops early hangs up on it."""
    try:
        while True:
            async with asyncio.timeout(deadline_seconds):
                chunk = await answer.content.readany()
            if not chunk:
                return
            yield chunk
    except aiohttp.ClientError as error:
        raise AnswerCutOff("the part broke off in the middle of its answer") from error
    finally:
        answer.close()


class EndedByCaller:
    """The door of a part (pure ASGI): a caller who hangs up ends the part's work, as he does in one process."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = asyncio.current_task()
        if scope["type"] != "http" or work is None:
            return await self.app(scope, receive, send)
        call = _Call(scope, receive, send, work)
        try:
            return await self.app(scope, call.receive, call.send)
        except asyncio.CancelledError:
            if not call.is_gone:
                raise
            work.uncancel()
        finally:
            call.end()


class _Call:
    """Hands the messages of one call on, and watches for the caller's end between the end of the request and that of the answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, work: asyncio.Task[object]) -> None:
        self.is_gone = False
        self._receive, self._send, self._work = receive, send, work
        self._is_answered, self._gone = False, asyncio.Event()
        self._has_unread_body = any(name in ANNOUNCING for name, _ in scope["headers"])
        self._is_empty_told = self._has_unread_body
        self._watch = None if self._has_unread_body else asyncio.create_task(self._until_gone())

    async def receive(self) -> Message:
        if self._has_unread_body:
            return await self._read()
        if not self._is_empty_told:
            self._is_empty_told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _read(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self._has_unread_body = False
            self._watch = asyncio.create_task(self._until_gone())
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._is_answered = True  # what the part still does after its answer is its own affair
        await self._send(message)

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()
        if not self._is_answered:
            self.is_gone = True
            self._work.cancel()

    def end(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
