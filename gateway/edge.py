"""The outermost layer of the public door (pure ASGI): the correlation id, security headers, and counts of every answer.

Load-bearing: `template_of`. A label that the outside may choose would be a time series for each choice.
"""

from __future__ import annotations

import re
import time

from prometheus_client import Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.identity import OPERATING, correlation_of
from kit.identity import CORRELATION

REQUESTS = Counter("ayni_gateway_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("ayni_gateway_request_seconds", "From the request to the beginning of its answer", ["method", "route"])
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PATH = re.compile(r"/v1/([a-z-]+)((?:/[^/]+){0,4})")
NOUNS = frozenset(
    {
        "organisations", "sessions", "api-keys", "me", "sites", "licences", "preferences", "materials", "offers",
        "wants", "search", "matches", "deals", "notices", "stream", "events", "snapshot", "webhooks", "unsubscribe",
        "keep",
    }
)  # fmt: skip
VERBS = frozenset(
    {
        "refresh", "current", "suggest", "publish", "withdraw", "import", "export", "accept",
        "decline", "release", "answer", "read", "deliveries", "replay", "template",
    }
)  # fmt: skip
NO_ROUTE = frozenset({401, 404, 405})
OTHER = "other"
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
NOTHING_TO_LOAD = "default-src 'none'; frame-ancestors 'none'"


class Outermost:
    """Every answer passes here last."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begin, headers = time.perf_counter(), MutableHeaders(raw=list(scope["headers"]))
        correlation = headers[CORRELATION] = correlation_of(headers.get(CORRELATION))

        async def outward(message: Message) -> None:
            if message["type"] == "http.response.start":
                _finish(message, scope["path"], correlation)
                _count(scope, message["status"], time.perf_counter() - begin)
            await send(message)

        return await self.app({**scope, "headers": headers.raw}, receive, outward)


def _finish(message: Message, path: str, correlation: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Correlation-Id"] = correlation
    headers.update(HEADERS)
    headers.setdefault("Content-Security-Policy", NOTHING_TO_LOAD)
    if path.startswith("/v1/"):
        headers.setdefault("Cache-Control", "no-store")


def template_of(path: str) -> str:
    """The route that a path is of, with ids taken out: one of a few hundred, whatever is asked for."""
    if path in OPERATING:
        return path
    found = PATH.fullmatch(path)
    if found is None or found[1] not in NOUNS:
        return OTHER
    rest = (name if name in VERBS else "{id}" for name in found[2].split("/")[1:])
    return "/".join(["/v1", found[1], *rest])


def _count(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in METHODS else OTHER
    route = OTHER if status in NO_ROUTE else template_of(scope["path"])
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(method, route).observe(seconds)
