"""Which part answers which path, and the way there and back.

Load-bearing: `part_of`. It reads a path as the parts will, decoded, and what is not plainly below /v1 goes nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive

from gateway.contacts import with_contacts
from gateway.identity import Identified, end_to_end, inward, lines_of, vouched
from kit.forwarding import Headers, Part, PartAnswer, PartRequest
from kit.identity import DEADLINE
from kit.input import MAX_BODY_BYTES, OTHER_MEDIA, read_body
from kit.problems import NotFound, Problem

ROUTES = (
    ("/v1/matches", "matching"),
    ("/v1/events", "notifications"),
    ("/v1/notices", "notifications"),
    ("/v1/preferences", "notifications"),
    ("/v1/unsubscribe", "notifications"),
    ("/v1/keep", "notifications"),
    ("/v1/webhooks", "notifications"),
    ("/v1", "listings"),
)
ODD = ("..", "//", "\\")
SHORT_BYTES = 2**16
OF_THE_SERVER = frozenset({"date", "server"})
Result = TypeVar("Result")


class BodyTooSlow(Problem):
    status, slug, title = 408, "body-too-slow", "The body takes too long"


class CallerGone(Problem):
    """Read by nobody: the one who would have is not there any more. The number is nginx's."""

    status, slug, title = 499, "caller-gone", "The caller has hung up"


def path_of(request: Request) -> str:
    """As it came, still percent-encoded."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("latin-1")


def check_spelling(path: str) -> None:
    """Raises 404 for what is only ours to call, and for spellings that one server may read otherwise than the next."""
    clean = unquote(path)
    if any(odd in clean for odd in ODD) or f"{clean}/".startswith("/internal/"):
        raise NotFound("there is no such path")


def part_of(path: str) -> str:
    """The part behind a path. Raises 404: what is not under /v1 is nobody's."""
    check_spelling(path)
    clean = unquote(path)
    for prefix, part in ROUTES:
        if clean == prefix or clean.startswith(f"{prefix}/"):
            return part
    raise NotFound("there is no such path")


class Forwarder:
    """Hands requests on to the parts with identity, deadline and correlation id.

    deadline_seconds, and body_seconds to send it in: for each MiB that a body of its media type may have."""

    def __init__(self, parts: Mapping[str, Part], internal_token: str, deadline_seconds: float, body_seconds: float) -> None:
        self.parts, self.internal_token = parts, internal_token
        self.deadline_seconds, self.body_seconds = deadline_seconds, body_seconds

    async def forward(self, request: Request, who: Identified) -> Response:
        """The part's answer, chunk by chunk as it comes. A caller who hangs up ends the part's work. Raises 404, 408, 413, 503."""
        part = part_of(path_of(request))
        asked = await self._request(request, who)
        return await unless_gone(request.receive, self._answer(part, asked, who))

    async def _answer(self, part: str, asked: PartRequest, who: Identified) -> Response:
        answer = await self.parts[part].call(asked)
        lines = [line for line in end_to_end(answer.headers) if line[0].lower().decode("latin-1") not in OF_THE_SERVER]
        response: Response
        if part == "matching" and who.caller is not None and answer.status == 200 and _is_json(lines):
            response = Response(await with_contacts(self.parts["listings"], self._own_headers(who), await answer.read(), who.caller))
            response.raw_headers += [line for line in lines if line[0].lower() != b"content-length"]
        elif _is_short(lines):
            response = Response(await answer.read(), answer.status)
            response.raw_headers = lines
        else:
            response = StreamingResponse(_chunks(answer), answer.status)
            response.raw_headers = lines
        return response

    async def _request(self, request: Request, who: Identified) -> PartRequest:
        media = request.headers.get("content-type", "").split(";")[0].strip().lower()
        limit = OTHER_MEDIA.get(media, MAX_BODY_BYTES)
        times = limit / MAX_BODY_BYTES
        seconds = self.body_seconds * times
        try:
            async with asyncio.timeout(seconds):
                body = await read_body(request.receive, limit, request.headers.get("content-length"))
        except TimeoutError:
            raise BodyTooSlow(f"the body did not come within {seconds:g} s: send it faster, or less at once") from None
        deadline = self.deadline_seconds * (times if body else 1)
        headers = inward(request.scope["headers"], self._own_headers(who) | {DEADLINE: f"{deadline:g}"})
        return PartRequest(request.method, path_of(request), request.scope["query_string"], headers, body, deadline)

    def _own_headers(self, who: Identified) -> dict[str, str]:
        return vouched(self.internal_token) | {DEADLINE: f"{self.deadline_seconds:g}"} | who.headers()

    async def ask(self, part: str, path: str, query: Mapping[str, object], deadline_seconds: float | None = None) -> tuple[int, bytes]:
        """A reading call of the gateway's own: its status and body. Raises 503."""
        lines = lines_of(vouched(self.internal_token))
        request = PartRequest("GET", path, urlencode(query).encode(), lines, deadline_seconds=deadline_seconds or self.deadline_seconds)
        answer = await self.parts[part].call(request)
        return answer.status, await answer.read()


def _is_json(lines: Sequence[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"application/json") for name, value in lines)


def _is_short(lines: Headers) -> bool:
    """Whether it costs more to hand it on piece by piece than to wait for its end."""
    length = next((value for name, value in lines if name.lower() == b"content-length"), b"")
    return length.isdigit() and int(length) <= SHORT_BYTES


async def _chunks(answer: PartAnswer) -> AsyncIterator[bytes]:
    async for chunk in answer.chunks:
        yield chunk


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """What the work gives. Raises CallerGone, and cancels the work, when the caller hangs up before; its body must have been read."""
    working, watching = asyncio.create_task(work), asyncio.create_task(_until_gone(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise CallerGone("the caller has hung up")
        return working.result()
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
