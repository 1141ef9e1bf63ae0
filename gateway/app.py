"""The gateway: the only public door. Identity, limits, forwarding, the live stream, one description of everything.

Load-bearing: the catch-all route is the last one. What it does not refuse goes to a part, with the caller that was found at the door.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import Response
from swagger_ui_bundle import swagger_ui_path

from contracts.envelope import EVENT_TYPES
from contracts.values import Word
from gateway.edge import Outermost
from gateway.forwarding import Forwarder, check_spelling, path_of
from gateway.identity import API_KEY, CHALLENGE, OPERATING, Door, Identified, needs_nobody
from gateway.limits import JoinLimit
from gateway.openapi import PAGE, PAGE_MAY_LOAD, PARTS, START, merged
from gateway.settings import GatewaySettings
from gateway.stream.entry import CURSOR, Filter, position_of, types_of
from gateway.stream.tail import Tail
from gateway.stream.telling import told
from kit.clock import Clock, system_clock
from kit.forwarding import Part
from kit.identity import Caller, MissingScope
from kit.pagination import cursor
from kit.problems import Unauthorised, Unavailable
from kit.running import running
from kit.tokens import Tokens
from kit.tracing import OF_APPS
from kit.web import Edge, answer_problems

ANY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
JOINING = "/v1/organisations"
STREAM, SNAPSHOT = "/v1/stream", "/v1/snapshot"
READ_ONLY = OPERATING | {STREAM, SNAPSHOT}
EXAMPLE_EVENT = "id: Zm9v\nevent: pe.ayni.offer.published.v1\ndata: {...}\n\n"
READY_SECONDS = 3


def create_app(settings: GatewaySettings, parts: Mapping[str, Part], clock: Clock = system_clock) -> FastAPI:
    """The app. parts: listings, matching, notifications. Its lifespan follows the feed, and ends the streams first of all."""
    forwarder = Forwarder(parts, settings.internal_token.get_secret_value(), settings.deadline_seconds, settings.body_seconds)
    tail = Tail(forwarder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running(tail.run()):
            try:
                yield
            finally:
                tail.drain()

    app = FastAPI(title="Ayni", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, telemetry=OF_APPS)
    app.state.forwarder, app.state.tail, app.state.settings, app.state.clock = forwarder, tail, settings, clock
    app.state.door = Door(Tokens(settings.token_secret.get_secret_value()), parts["listings"], forwarder.internal_token)
    app.state.join_limit = JoinLimit(settings.joins_per_minute)
    app.mount("/docs/assets", StaticFiles(directory=swagger_ui_path), name="docs-assets")
    _operating_routes(app)
    _describing_routes(app)
    _event_routes(app)
    app.add_api_route("/{path:path}", _forwarded, methods=ANY, include_in_schema=False)
    app.add_middleware(Edge)
    app.add_middleware(Outermost)
    answer_problems(app)
    return app


async def _identified(request: Request) -> Identified:
    """Who calls. Raises 401 for a bad credential, and where somebody is needed and nobody is there."""
    headers = request.headers
    who: Identified = await request.app.state.door.identify(headers.get("authorization"), headers.get(API_KEY), request.app.state.clock())
    if who.caller is None and not needs_nobody(request.method, request.scope["path"]):
        raise Unauthorised(Caller.REQUIRED, headers=CHALLENGE)
    return who


def _needs(scope: str) -> Callable[[Request], Awaitable[Identified]]:
    """A dependency: who calls, and may do this. It comes before the fields are looked at."""

    async def reader(request: Request) -> Identified:
        who = await _identified(request)
        assert who.caller is not None
        if scope not in who.caller.scopes:
            raise MissingScope(f"this needs the scope {scope!r}")
        return who

    return reader


async def _forwarded(request: Request) -> Response:
    """Everything that is a part's."""
    path: str = request.scope["path"]
    check_spelling(path_of(request))
    if path == JOINING and request.method == "POST":
        await request.app.state.join_limit.check(request.client.host if request.client else "")
    who = Identified(None) if path in OPERATING else await _identified(request)
    if path in READ_ONLY:
        raise HTTPException(405, headers={"Allow": "GET"})
    answer: Response = await request.app.state.forwarder.forward(request, who)
    return answer


def _event_routes(app: FastAPI) -> None:
    @app.get(
        STREAM,
        tags=["events"],
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"example": EXAMPLE_EVENT}}}},
    )
    async def stream(
        request: Request,
        who: Annotated[Identified, Depends(_needs("events:read"))],
        types: Annotated[
            str | None, Query(max_length=2000, description=f"Full event types, separated by commas: {', '.join(EVENT_TYPES)}")
        ] = None,
        family: Annotated[Word | None, Query(description="Of offers and wants, only those of this material family")] = None,
        department: Annotated[Word | None, Query(description="Of offers and wants, only those in this department")] = None,
        last_event_id: Annotated[str | None, Header(description="The `id` of the last event that was read")] = None,
    ) -> StreamingResponse:
        """The live stream (server-sent events). Resumes behind `Last-Event-ID`; without it, tells all that happens from now on."""
        assert who.caller is not None
        tail, filters = request.app.state.tail, Filter(who.caller.organisation_id, types_of(types), family, department)
        position = await tail.head() if last_event_id is None else await tail.resumed(position_of(last_event_id))
        lines = told(tail, filters, position, request.app.state.settings.keep_alive_seconds)
        return StreamingResponse(lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    @app.get(SNAPSHOT, tags=["events"], response_class=StreamingResponse, responses={200: {"content": {"application/x-ndjson": {}}}})
    async def snapshot(
        request: Request, who: Annotated[Identified, Depends(_needs("listings:read"))], side: Annotated[Literal["offer", "want"], Query()]
    ) -> StreamingResponse:
        """All published listings of a side, one JSON object a line; `Ayni-Cursor` is where the feed goes on."""
        position = await request.app.state.tail.head()
        answer: StreamingResponse = await request.app.state.forwarder.forward(request, who)
        if answer.status_code == 200:
            answer.headers["Ayni-Cursor"] = cursor(CURSOR, position)
        return answer


def _operating_routes(app: FastAPI) -> None:
    @app.get("/healthz", tags=["operating"])
    async def healthz() -> dict[str, str]:
        """Whether the process is alive."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["operating"])
    async def readyz(request: Request) -> dict[str, str]:
        """Whether every part is ready, and this one not about to stop."""
        is_ready = await asyncio.gather(*(_is_ready(request.app.state.forwarder, part) for part in PARTS))
        waiting = [part for part, ready in zip(PARTS, is_ready, strict=True) if not ready]
        if waiting or request.app.state.tail.is_draining:
            raise Unavailable(f"not ready: {', '.join(waiting) or 'stopping'}")
        return {"status": "ready"}

    @app.get("/metrics", tags=["operating"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _is_ready(forwarder: Forwarder, part: str) -> bool:
    try:
        status, _ = await forwarder.ask(part, "/readyz", {}, READY_SECONDS)
    except (Unavailable, OSError):
        return False
    return status == 200


def _describing_routes(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/docs")

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> JSONResponse:
        state = request.app.state
        if not hasattr(state, "document"):
            own: dict[str, Any] = FastAPI.openapi(request.app)
            state.document = await merged(state.forwarder, own)
        return JSONResponse(state.document)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(PAGE, headers={"Content-Security-Policy": PAGE_MAY_LOAD})

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(START, media_type="text/javascript")
