"""The outermost layer of the public door (pure ASGI): correlation id, security headers, counts, and what nobody expected."""

from __future__ import annotations

import re
import time

from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.identity import correlation_of
from kit import telemetry
from kit.identity import CORRELATION
from kit.web import failure

REQUESTS = Counter("ayni_gateway_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("ayni_gateway_request_seconds", "From the request to the beginning of its answer", ["method", "route"])
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}(\.[0-9a-f]{8}-[0-9a-f-]{27})?", re.IGNORECASE)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
KNOWN = re.compile(r"/(v1/[a-z-]+(/\{id\}|/[a-z]+)*|healthz|readyz|metrics|docs|openapi\.json)?")


class Outermost:
    """Every answer passes here last."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begin, has_begun, correlation = time.perf_counter(), False, correlation_of(Headers(scope=scope).get(CORRELATION))

        async def outward(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                _finish(message, scope["path"], correlation)
                _count(scope, message["status"], time.perf_counter() - begin)
            await send(message)

        token = telemetry.correlation_id.set(correlation)
        try:
            await self.app(scope, receive, outward)
        except Exception as error:  # the edge: whatever is unexpected is logged once, here, and answered
            response = failure(error, scope)
            if has_begun:
                raise
            await response(scope, receive, outward)
        finally:
            telemetry.correlation_id.reset(token)


def _finish(message: Message, path: str, correlation: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Correlation-Id"] = correlation
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    if path.startswith("/v1/"):
        headers.setdefault("Cache-Control", "no-store")


def _count(scope: Scope, status: int, seconds: float) -> None:
    """By the shape of the path, because ids would make a series each."""
    method = scope["method"] if scope["method"] in METHODS else "other"
    shape = IDS.sub("{id}", scope["path"])
    route = shape if KNOWN.fullmatch(shape) else "other"
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(method, route).observe(seconds)
