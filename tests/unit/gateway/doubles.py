"""Tiny parts behind the gateway, each with the shared edge of a real one; a feed that a test fills; and a client that speaks ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Scope

from gateway.app import create_app
from gateway.settings import GatewaySettings
from kit.forwarding import AsgiPart, Part
from kit.identity import INTERNAL_ONLY
from kit.ids import new_id
from kit.pagination import cursor
from kit.problems import NotFound, Problem, Unavailable
from kit.tokens import Tokens
from kit.web import create_part
from tests.patience import PATIENCE_SECONDS

SECRET, INTERNAL_TOKEN = "s" * 32, "of-us-only"
NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
ME, OTHER, PERSON, SESSION = new_id(), new_id(), new_id(), new_id()
KEY = "ayni_a-key"
PUBLISHED, WITHDRAWN, PROPOSED = "pe.ayni.offer.published.v1", "pe.ayni.offer.withdrawn.v1", "pe.ayni.match.proposed.v1"


class StoppedClock:
    """Stands at NOW until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Gone(Problem):
    status, slug, title = 410, "cursor-expired", "The feed no longer goes back so far"


@asynccontextmanager
async def _no_lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


@dataclass
class Work:
    """Something that a part does until a test lets it go on. has_begun and was_cancelled tell the test what became of it."""

    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    was_cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> None:
        self.has_begun.set()
        try:
            await self.may_go_on.wait()
        except asyncio.CancelledError:
            self.was_cancelled.set()
            raise


class Market:
    """Listings and matching: they echo what they were asked. keys: hash → scopes. asked: of every call, (part, method, path)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.contact_queries: list[dict[str, Any]] = []
        self.contact_correlations: list[str | None] = []
        self.keys: dict[str, list[str]] = {}
        self.matches: Any = {"items": [], "next": None}
        self.is_away = False
        self.work = Work()
        self.listings = create_part("listings", _no_lifespan, [self._listings(), self._internal()], INTERNAL_TOKEN)
        self.matching = create_part("matching", _no_lifespan, [self._matching()], INTERNAL_TOKEN)

    def _listings(self) -> APIRouter:
        router = APIRouter()

        async def echo(request: Request) -> dict[str, Any]:
            return await self._echo("listings", request)

        for path in ("/v1/materials", "/v1/offers"):
            router.add_api_route(path, echo, methods=["GET"])
        for path in ("/v1/organisations", "/v1/sessions", "/v1/sessions/refresh", "/v1/materials/suggest", "/v1/offers"):
            router.add_api_route(path, echo, methods=["POST"])
        router.add_api_route("/readyz", self._readyz)
        router.add_api_route("/v1/hanging", self._hanging)
        router.add_api_route("/v1/snapshot", self._lines)
        router.add_api_route("/v1/crash", self._crash)
        router.add_api_route("/v1/crash-in-the-middle", self._crash_in_the_middle)
        router.add_api_route("/v1/headers", self._headers)
        return router

    async def _echo(self, part: str, request: Request) -> dict[str, Any]:
        self.asked.append((part, request.method, request.url.path))
        return {
            "headers": dict(request.headers),
            "names": [name.decode() for name, _ in request.headers.raw],
            "query": request.url.query,
            "bytes": len(await request.body()),
        }

    async def _readyz(self) -> dict[str, str]:
        if self.is_away:
            raise Unavailable("no database")
        return {"status": "ready"}

    async def _hanging(self) -> None:
        await self.work()

    async def _lines(self) -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            yield b'{"id": 1}\n'
            await self.work()
            yield b'{"id": 2}\n'

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def _crash(self) -> None:
        raise ZeroDivisionError("the secret of the inside")

    async def _crash_in_the_middle(self) -> StreamingResponse:
        async def half() -> AsyncIterator[bytes]:
            yield b"half"
            raise ZeroDivisionError("the secret of the inside")

        return StreamingResponse(half())

    async def _headers(self) -> JSONResponse:
        answer = JSONResponse({}, headers={"Cache-Control": "max-age=60", "Connection": "x-inner", "X-Inner": "1", "Server": "inner"})
        answer.headers.append("Link", "<a>; rel=next")
        answer.headers.append("Link", "<b>; rel=prev")
        return answer

    def _internal(self) -> APIRouter:
        router = APIRouter(prefix="/internal", dependencies=[INTERNAL_ONLY], include_in_schema=False)

        @router.post("/api-keys/verify")
        async def verify(query: dict[str, str]) -> dict[str, Any]:
            if self.is_away:
                raise Unavailable("no database")
            if query["key_hash"] not in self.keys:
                raise NotFound("no such key")
            return {"organisation_id": str(ME), "scopes": self.keys[query["key_hash"]]}

        @router.post("/contacts")
        async def contacts(query: dict[str, Any], request: Request) -> dict[str, Any]:
            if self.is_away:
                raise Unavailable("no database")
            self.contact_queries.append(query)
            self.contact_correlations.append(request.headers.get("x-correlation-id"))
            return {"contacts": {deal: {"name": f"of {deal}", "email": "x@example.pe"} for deal in query["deal_ids"]}}

        return router

    def _matching(self) -> APIRouter:
        router = APIRouter()

        @router.get("/v1/matches")
        async def matches(request: Request) -> Any:
            await self._echo("matching", request)
            return self.matches

        @router.get("/readyz")
        async def readyz() -> dict[str, str]:
            return {"status": "ready"}

        return router


class Feed:
    """Notifications: a feed that a test fills, from position 1 on; `gaps` leaves positions out, as a feed may."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.oldest = 0
        self.is_away = False
        self.pages: list[int] = []  # the positions after which pages were asked for, long polls not counted
        self.polls: asyncio.Queue[int] = asyncio.Queue()
        self._moved = asyncio.Event()
        self.app = create_part("notifications", _no_lifespan, [self._routes()], INTERNAL_TOKEN)

    @property
    def head(self) -> int:
        return int(self.entries[-1]["position"]) if self.entries else 0

    def tell(self, count: int = 1, type: str = PUBLISHED, *, gap: int = 0, **who: Any) -> list[int]:
        """Appends events; who: audience, families, department. Gives their positions."""
        made = []
        for _ in range(count):
            position = self.head + 1 + gap
            event = {
                "specversion": "1.0",
                "id": str(new_id()),
                "type": type,
                "subject": f"subject {position}",
                "data": {"title": "Retazos\nñ"},
            }
            self.entries.append({"position": position, "audience": None, "families": None, "department": None, "event": event} | who)
            made.append(position)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        return made

    def _routes(self) -> APIRouter:
        router = APIRouter()
        internal = APIRouter(prefix="/internal/feed", dependencies=[INTERNAL_ONLY], include_in_schema=False)

        @internal.get("/head")
        async def head() -> dict[str, Any]:
            self._check()
            return {"cursor": cursor("feed", self.head), "position": self.head}

        @internal.get("")
        async def page(after: int, limit: Annotated[int, Query(ge=1)], wait_seconds: float) -> dict[str, Any]:
            self._check(after)
            if wait_seconds:
                await self._wait(after)
            else:
                self.pages.append(after)
            return {"entries": [entry for entry in self.entries if entry["position"] > after][:limit], "head": self.head}

        @router.get("/v1/events")
        async def events(request: Request) -> dict[str, Any]:
            return {"headers": dict(request.headers)}

        @router.get("/readyz")
        async def readyz() -> dict[str, str]:
            self._check()
            return {"status": "ready"}

        router.include_router(internal)
        return router

    def _check(self, after: int | None = None) -> None:
        if self.is_away:
            raise Unavailable("no database")
        if after is not None and after < self.oldest:
            raise Gone("go on with the oldest one kept")

    async def _wait(self, after: int) -> None:
        self.polls.put_nowait(after)
        while self.head <= after:
            await self._moved.wait()
        self._check()


@dataclass
class Exchange:
    """The gateway before the tiny parts."""

    market: Market
    feed: Feed
    clock: StoppedClock
    app: FastAPI

    @classmethod
    def make(cls, reached: Callable[[str, ASGIApp], Part] = lambda _, app: AsgiPart(app), **settings: Any) -> Exchange:
        """reached: how the gateway calls a part, by its name and app."""
        market, feed, clock = Market(), Feed(), StoppedClock()
        apps = {"listings": market.listings, "matching": market.matching, "notifications": feed.app}
        known = {"token_secret": SECRET, "internal_token": INTERNAL_TOKEN, "keep_alive_seconds": 3600} | settings
        parts = {name: reached(name, app) for name, app in apps.items()}
        return cls(market, feed, clock, create_app(GatewaySettings.model_validate(known), parts, clock))

    def client(self, *, is_signed_in: bool = True, address: str = "192.0.2.1") -> httpx.AsyncClient:
        """For answers that end; whatever crashes is answered, as a server would."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 4321))
        return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=bearer() if is_signed_in else {})


def bearer(organisation: Any = ME, now: datetime = NOW) -> dict[str, str]:
    return {"Authorization": f"Bearer {Tokens(SECRET).issue(PERSON, organisation, SESSION, now)[0]}"}


class Call:
    """One request that is read message by message, and may be hung up in the middle."""

    def __init__(
        self, app: FastAPI, path: str, headers: dict[str, str] | None = None, chunks: Sequence[bytes] = (b"",), method: str = "GET"
    ) -> None:
        raw_path, _, query = path.partition("?")
        lines = [(name.lower().encode(), value.encode()) for name, value in (bearer() | (headers or {})).items()]
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
        }
        scope.update({"path": raw_path, "raw_path": raw_path.encode(), "query_string": query.encode(), "root_path": "", "headers": lines})
        scope.update({"client": ("192.0.2.1", 1), "server": ("gateway", 80), "state": {}})
        self.scope, self.app, self.chunks_read = scope, app, 0
        self._chunks, self._hung_up, self._messages = list(chunks), asyncio.Event(), asyncio.Queue[Message]()

    async def __aenter__(self) -> Call:
        self.task = asyncio.create_task(self.app(self.scope, self._receive, self._messages.put))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()
        await asyncio.wait_for(asyncio.gather(self.task, return_exceptions=True), PATIENCE_SECONDS)

    def hang_up(self) -> None:
        self._hung_up.set()

    async def _receive(self) -> Message:
        if self.chunks_read < len(self._chunks):
            self.chunks_read += 1
            return {"type": "http.request", "body": self._chunks[self.chunks_read - 1], "more_body": self.chunks_read < len(self._chunks)}
        await self._hung_up.wait()
        return {"type": "http.disconnect"}

    async def message(self) -> Message:
        return await asyncio.wait_for(self._messages.get(), PATIENCE_SECONDS)

    async def begin(self) -> tuple[int, dict[str, str]]:
        """Status and headers."""
        start = await self.message()
        return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}

    async def chunk(self) -> bytes:
        return bytes((await self.message())["body"])


def positions_of(text: bytes) -> list[str]:
    """The subjects of the events in a piece of a stream, in order."""
    lines = [line.removeprefix("data: ") for line in text.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line)["subject"] for line in lines]
