"""The edge of every part: one FastAPI app with the same middleware, problems, health and unit of work everywhere.

Load-bearing: `UnitOfWork` commits before the answer leaves, together with the answer's idempotency key; a raised problem rolls back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit import telemetry
from kit.clock import Clock, system_clock
from kit.crashing import crash_point
from kit.idempotency import keep_answer, kept_answer, key_of, request_hash
from kit.identity import CORRELATION, ORGANISATION, caller_of
from kit.ids import new_id
from kit.input import BodyGuard
from kit.problems import FieldError, NotFound, Problem, Unavailable, answer, render
from kit.tracing import OF_APPS
from kit.transient import is_transient

log = structlog.get_logger()
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
PLAINER = {
    "missing": "is missing: add it",
    "extra_forbidden": "is no field that you may set: leave it out",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "uuid_parsing": "must be an id (UUID) as we gave it",
    "uuid_type": "must be an id (UUID) as we gave it",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_parsing": "must be a whole number",
    "finite_number": "must be a finite number",
    "datetime_from_date_parsing": 'is no time: write it as "2026-11-24T09:00:00-05:00"',
    "timezone_aware": 'has no zone: write it as "2026-11-24T09:00:00-05:00"',
}


def create_part(
    name: str,
    lifespan: Lifespan,
    routers: Sequence[APIRouter],
    internal_token: str,
    clock: Clock = system_clock,
    form_paths: Sequence[str] = (),
) -> FastAPI:
    """An app with the shared edge. The lifespan puts what its routes need (such as `sessions`) into `app.state`."""
    app = FastAPI(title=f"Ayni {name}", lifespan=lifespan, docs_url=None, redoc_url=None, telemetry=OF_APPS)
    app.state.part, app.state.internal_token, app.state.clock = name, internal_token, clock
    app.state.routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    for router in routers:
        app.include_router(router)
    app.add_middleware(BodyGuard, form_paths=form_paths)
    app.add_middleware(Edge)
    answer_problems(app)
    return app


def answer_problems(app: FastAPI) -> None:
    """Every error of this app is a problem document."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


class Edge:
    """The outermost layer of a part (pure ASGI): the correlation id, and what nobody expected."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        token = telemetry.correlation_id.set(Headers(scope=scope).get(CORRELATION) or str(new_id()))
        try:
            await self.app(scope, receive, watched)
        except Exception as error:  # the edge: whatever is unexpected is logged once, here, and answered
            response = failure(error, scope)
            if has_begun:
                raise
            await response(scope, receive, send)
        finally:
            telemetry.correlation_id.reset(token)


def failure(error: Exception, scope: Scope) -> Response:
    """503 for what may heal by itself, else 500: an answer that names nothing of the inside."""
    if isinstance(error, Problem):
        return answer(error)
    if is_transient(error):
        log.warning("a server behind this answer is away", error=type(error).__name__, path=scope["path"])
        return answer(Unavailable("a server that this answer needs is away; try again in a moment"))
    log.error("crashed", path=scope["path"], method=scope["method"], exc_info=error)
    return render(500, "internal", "", "something broke on our side; it has been logged")


async def _on_problem(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return answer(problem)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    slug = {404: "not-found", 405: "method-not-allowed", 400: "bad-request"}.get(error.status_code, "http")
    detail = {404: "there is no such path", 405: "this path does not take that method"}.get(error.status_code, error.detail)
    headers = {name.title(): value for name, value in (error.headers or {}).items()}
    if error.status_code == 405 and (methods := _methods_of(request)):
        headers["Allow"] = ", ".join(methods)
    return render(error.status_code, slug, "", detail, headers=headers)


def _methods_of(request: Request) -> list[str]:
    """All that a path takes (RFC 9110, section 15.5.6); FastAPI names those of the first route of that path only."""
    routes: list[APIRoute] = getattr(request.app.state, "routes", [])
    return sorted({method for route in routes if route.path_regex.match(request.scope["path"]) for method in route.methods or ()})


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = list(error.errors())
    if any(one["loc"][0] == "path" for one in found):
        return answer(NotFound("there is nothing of that name"))
    errors = [field_error(one) for one in found]
    detail = "; ".join(f"{one.field}: {one.message}" for one in errors[:5])
    return render(422, "invalid", "Some fields need a change", detail, errors)


def field_error(found: Any) -> FieldError:
    """Pydantic's error as a dotted path and words that say what to change."""
    path = [str(part) for part in found["loc"] if part not in ("body", "query", "header", "[key]")]
    message = PLAINER.get(found["type"]) or str(found["msg"]).removeprefix("Value error, ")
    return FieldError(".".join(path) or "body", message)


class UnitOfWork(APIRoute):
    """One request, one transaction, one answer. Routes of a part that owns a schema are made of it."""

    keeps_answers = True

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def within_a_transaction(request: Request) -> Response:
            organisation = request.headers.get(ORGANISATION, "")
            async with request.app.state.sessions.begin() as session:
                request.state.session = session
                await session.execute(text("select set_config('ayni.organisation', :id, true)"), {"id": organisation})
                if self.keeps_answers and organisation and (key := key_of(request)):
                    response = await _once(request, session, key, handle)
                else:
                    response = await handle(request)
                _crash_point(request, "before_commit")
            _crash_point(request, "after_commit")
            return response

        return within_a_transaction


def _crash_point(request: Request, name: str) -> None:
    """For writes: that a read ends half-way harms nobody."""
    if request.method not in ("GET", "HEAD"):
        crash_point(f"{request.app.state.part}.request.{name}")


class SecretUnitOfWork(UnitOfWork):
    """For answers that are secrets, or need no keeping: no `Idempotency-Key` stores them."""

    keeps_answers = False


async def _once(request: Request, session: AsyncSession, key: str, handle: Handler) -> Response:
    organisation, digest, now = (
        caller_of(request).organisation_id,
        await request_hash(request),
        request.app.state.clock(),
    )
    if (kept := await kept_answer(session, organisation, key, digest, now)) is not None:
        return kept
    response = await handle(request)
    if not getattr(request.state, "is_trial", False):
        await keep_answer(session, organisation, key, digest, response, now)
    return response


@asynccontextmanager
async def trial(request: Request, session: AsyncSession) -> AsyncIterator[None]:
    """What is done in the block is undone at its end, and no `Idempotency-Key` keeps the answer: a dry run."""
    request.state.is_trial = True
    savepoint = await session.begin_nested()
    try:
        yield
    finally:
        await savepoint.rollback()


async def _session(request: Request) -> AsyncSession:
    session: AsyncSession = request.state.session
    return session


async def _now(request: Request) -> datetime:
    now: datetime = request.app.state.clock()
    return now


Session = Annotated[AsyncSession, Depends(_session)]
Now = Annotated[datetime, Depends(_now)]


def health_routes(is_ready: Callable[[Request], Awaitable[bool]]) -> APIRouter:
    """Liveness is a tick of the loop; readiness is that what this part depends on answers."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz(request: Request) -> dict[str, str]:
        if not await is_ready(request):
            raise Unavailable("not ready: a server that this part needs does not answer")
        return {"status": "ready"}

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
