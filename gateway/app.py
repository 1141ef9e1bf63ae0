"""The gateway: the only public door. Identity, limits, forwarding, the live stream, one description of everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response
from swagger_ui_bundle import swagger_ui_path

from contracts import listings, matching
from contracts.envelope import EVENT_TYPES
from gateway.edge import Outermost
from gateway.forwarding import Forwarder, check_signed_in
from gateway.identity import API_KEY, Door, Identified, correlation_of, needs_nobody
from gateway.limits import JoinLimit
from gateway.openapi import PARTS, merged
from gateway.settings import GatewaySettings
from gateway.stream import CURSOR, Filter, Tail, read_position, told
from kit import telemetry
from kit.clock import Clock, system_clock
from kit.forwarding import Part
from kit.identity import Caller, MissingScope
from kit.pagination import cursor
from kit.problems import Unavailable, refused
from kit.running import running
from kit.tokens import Tokens
from kit.web import answer_problems

KNOWN = (listings, matching)  # their event classes fill EVENT_TYPES
ANY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(settings: GatewaySettings, parts: Mapping[str, Part], clock: Clock = system_clock) -> FastAPI:
    """The app. parts: listings, matching, notifications."""
    forwarder = Forwarder(parts, settings.internal_token.get_secret_value(), settings.deadline_seconds)
    tail = Tail(forwarder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running(tail.run()):
            yield
            await tail.drain()

    app = FastAPI(title="Ayni", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.forwarder, app.state.tail, app.state.settings, app.state.clock = forwarder, tail, settings, clock
    app.state.door = Door(Tokens(settings.token_secret.get_secret_value()), parts["listings"], forwarder.internal_token)
    app.state.join_limit = JoinLimit(settings.joins_per_minute)
    app.mount("/docs/assets", StaticFiles(directory=swagger_ui_path), name="docs-assets")
    _operating_routes(app)
    _event_routes(app)
    app.add_api_route("/{path:path}", _forwarded, methods=ANY, include_in_schema=False)
    app.add_middleware(Outermost)
    answer_problems(app)
    return app


async def _identified(request: Request) -> Identified:
    """Who calls. Raises 401."""
    headers = request.headers
    who: Identified = await request.app.state.door.identify(headers.get("authorization"), headers.get(API_KEY), request.app.state.clock())
    check_signed_in(who, needs_nobody(request.method, request.url.path))
    return who


async def _reader(request: Request, scope: str) -> Caller:
    who = await _identified(request)
    assert who.caller is not None
    if scope not in who.caller.scopes:
        raise MissingScope(f"this needs the scope {scope!r}")
    return who.caller


async def _forwarded(request: Request) -> Response:
    """Everything that is a part's."""
    if request.url.path == "/v1/organisations" and request.method == "POST":
        await request.app.state.join_limit.check(request.client.host if request.client else "")
    who = await _identified(request)
    answer: Response = await request.app.state.forwarder.forward(request, who, telemetry.correlation_id.get() or correlation_of(None))
    return answer


def _event_routes(app: FastAPI) -> None:
    @app.get("/v1/stream", tags=["events"], response_class=StreamingResponse)
    async def stream(
        request: Request,
        types: Annotated[str | None, Query(max_length=2000, description="Full event types, separated by commas")] = None,
        family: Annotated[str | None, Query(max_length=120)] = None,
        department: Annotated[str | None, Query(max_length=120)] = None,
    ) -> StreamingResponse:
        """The live stream (server-sent events). Resumes behind `Last-Event-ID`; without it, tells all that happens from now on."""
        caller = await _reader(request, "events:read")
        tail, settings = request.app.state.tail, request.app.state.settings
        filters = Filter(caller.organisation_id, _types(types), family, department)
        last = request.headers.get("last-event-id")
        position = await tail.head() if last is None else read_position(last)
        if last is not None:
            await tail.page(position)  # a position that is kept no longer is a 410, before the stream begins
        lines = told(tail, filters, position, settings.keep_alive_seconds)
        return StreamingResponse(lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    @app.get("/v1/snapshot", tags=["events"], response_class=StreamingResponse)
    async def snapshot(request: Request, side: Annotated[str, Query(pattern="^(offer|want)$")]) -> Response:
        """All published listings of a side, one JSON object a line; `Ayni-Cursor` is where the feed goes on."""
        await _reader(request, "listings:read")
        position = await request.app.state.tail.head()
        answer = await _forwarded(request)
        if answer.status_code == 200:
            answer.headers["Ayni-Cursor"] = cursor(CURSOR, position)
        return answer


def _types(text: str | None) -> frozenset[str] | None:
    """Raises 422 for a type that is none."""
    if text is None:
        return None
    asked = frozenset(one.strip() for one in text.split(","))
    if unknown := sorted(asked - EVENT_TYPES.keys()):
        raise refused("types", f"no event type {unknown[0][:80]!r}; known: {', '.join(sorted(EVENT_TYPES))}")
    return asked


def _operating_routes(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/docs")

    @app.get("/healthz", tags=["operating"])
    async def healthz() -> dict[str, str]:
        """Whether the process is alive."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["operating"])
    async def readyz(request: Request) -> dict[str, str]:
        """Whether every part is ready."""
        answers = await asyncio.gather(*(request.app.state.forwarder.ask(part, "/readyz", {}, 3) for part in PARTS), return_exceptions=True)
        waiting = [part for part, one in zip(PARTS, answers, strict=True) if isinstance(one, BaseException) or one.status != 200]
        if waiting:
            raise Unavailable(f"not ready: {', '.join(waiting)}")
        return {"status": "ready"}

    @app.get("/metrics", tags=["operating"], response_class=Response)
    async def metrics() -> Response:
        """Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> JSONResponse:
        state = request.app.state
        if not hasattr(state, "document"):
            own: dict[str, Any] = FastAPI.openapi(request.app)
            state.document = await merged(state.forwarder, own)
        return JSONResponse(state.document)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        assets = "/docs/assets"
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Ayni API",
            swagger_js_url=f"{assets}/swagger-ui-bundle.js",
            swagger_css_url=f"{assets}/swagger-ui.css",
            swagger_favicon_url=f"{assets}/favicon-32x32.png",
        )
