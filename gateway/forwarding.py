"""Which part answers which path, and the way there and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from urllib.parse import unquote, urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.contacts import with_contacts
from gateway.identity import HOP_BY_HOP, Identified, inward
from kit.forwarding import Part, PartAnswer, PartRequest
from kit.identity import CORRELATION, DEADLINE, INTERNAL
from kit.input import MAX_BODY_BYTES, OTHER_MEDIA, read_body
from kit.problems import NotFound, Unauthorised

ROUTES = (
    ("/v1/matches", "matching"),
    ("/v1/events", "notifications"),
    ("/v1/notices", "notifications"),
    ("/v1/preferences", "notifications"),
    ("/v1/", "listings"),
)


def part_of(path: str) -> str:
    """The part behind a path. Raises 404: what is not under /v1 is nobody's, and /internal least of all."""
    clean = unquote(path)
    if ".." in clean or "//" in clean or "\\" in clean:
        raise NotFound("there is no such path")
    for prefix, part in ROUTES:
        if clean == prefix.rstrip("/") or clean.startswith(prefix if prefix.endswith("/") else f"{prefix}/"):
            return part
    raise NotFound("there is no such path")


class Forwarder:
    """Hands requests on to the parts with identity, deadline and correlation id."""

    def __init__(self, parts: Mapping[str, Part], internal_token: str, deadline_seconds: float) -> None:
        self.parts, self.internal_token, self.deadline_seconds = parts, internal_token, deadline_seconds

    async def forward(self, request: Request, who: Identified, correlation: str) -> Response:
        """The part's answer, chunk by chunk as it comes."""
        path = request.scope.get("raw_path", b"").decode("latin-1").split("?")[0] or request.url.path
        part = part_of(path)
        answer = await self.parts[part].call(await self._request(request, path, who, correlation))
        if part == "matching" and who.caller is not None and answer.status == 200:
            body = await with_contacts(self.parts["listings"], self.own_headers(who, correlation), await answer.read(), who)
            return Response(body, answer.status, _outward(answer))
        return StreamingResponse(_whole(answer), answer.status, _outward(answer))

    async def _request(self, request: Request, path: str, who: Identified, correlation: str) -> PartRequest:
        media = request.headers.get("content-type", "").split(";")[0].strip().lower()
        limit = OTHER_MEDIA.get(media, MAX_BODY_BYTES)
        body = await read_body(request.receive, limit, request.headers.get("content-length"))
        headers = inward(request.scope["headers"], self.own_headers(who, correlation))
        return PartRequest(request.method, path, request.scope["query_string"], headers, body, self.deadline_seconds)

    def own_headers(self, who: Identified, correlation: str) -> dict[str, str]:
        deadline = {DEADLINE: f"{self.deadline_seconds:g}"}
        return {INTERNAL: self.internal_token, CORRELATION: correlation} | deadline | who.headers()

    async def ask(self, part: str, path: str, query: dict[str, object], deadline_seconds: float | None = None) -> PartAnswer:
        """A reading call of the gateway's own."""
        headers = [(INTERNAL.encode(), self.internal_token.encode())]
        request = PartRequest("GET", path, urlencode(query).encode(), headers, deadline_seconds=deadline_seconds or self.deadline_seconds)
        return await self.parts[part].call(request)


def _outward(answer: PartAnswer) -> dict[str, str]:
    names = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.headers)
    return {name: value for name, value in names if name not in HOP_BY_HOP and name not in ("content-length", "date", "server")}


async def _whole(answer: PartAnswer) -> AsyncIterator[bytes]:
    async for chunk in answer.chunks:
        yield chunk


def check_signed_in(who: Identified, is_open: bool) -> None:
    """Raises 401 where somebody is needed and nobody is there."""
    if who.caller is None and not is_open:
        raise Unauthorised("sign in: send `Authorization: Bearer <token>` or `X-API-Key: <key>`", headers={"WWW-Authenticate": "Bearer"})
