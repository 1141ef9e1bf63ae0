"""The shared input layer: what a JSON body may be before any part looks inside it (reliability.md, section 6.2).

A pure ASGI middleware. Load-bearing: it parses strictly (UTF-8, no NaN, no duplicate names, bounded size and depth) and then replays
the same bytes, so that FastAPI's own parser can never meet a body that breaks it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.problems import BadRequest, Problem, answer

MAX_BODY_BYTES = 2**20
MAX_IMPORT_BYTES = 10 * 2**20
MAX_DEPTH = 32
WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
OTHER_MEDIA = {"text/csv": MAX_IMPORT_BYTES}
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


class BodyTooLarge(Problem):
    status, slug, title = 413, "body-too-large", "The body is too large"


class WrongMediaType(Problem):
    status, slug, title = 415, "wrong-media-type", "The body is of another media type"


async def read_body(receive: Receive, limit: int, announced: str | None) -> bytes:
    """The whole body. Raises BodyTooLarge without reading on, as soon as the limit is passed."""
    problem = BodyTooLarge(f"the body may have at most {limit:,} bytes: send less at once")
    if announced and announced.isdigit() and int(announced) > limit:
        raise problem
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("the body ended before its time")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise problem
        if not message.get("more_body"):
            return b"".join(chunks)


def check_json(body: bytes) -> None:
    """Raises BadRequest where the body is no JSON that we take."""
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except RecursionError:
        raise BadRequest(f"the body is nested deeper than {MAX_DEPTH} levels") from None
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8: save or send it as UTF-8") from None
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if _depth(found) > MAX_DEPTH:
        raise BadRequest(f"the body is nested deeper than {MAX_DEPTH} levels")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def _depth(value: Any) -> int:
    """Level by level, because recursion is what a hostile body is after."""
    level, depth = [value], 0
    while level:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())]
    return depth


class BodyGuard:
    """Every request with a body passes here first. form_paths: beginnings of the paths that take a form, too, as mail programs post it."""

    def __init__(self, app: ASGIApp, form_paths: Sequence[str] = ()) -> None:
        self.app, self.form_paths = app, tuple(form_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in WRITING:
            return await self.app(scope, receive, send)
        try:
            body = await self._checked(Headers(scope=scope), receive, takes_forms=scope["path"].startswith(self.form_paths))
        except Problem as problem:
            return await answer(problem)(scope, receive, send)
        return await self.app(scope, replay(body, receive), send)

    async def _checked(self, headers: Headers, receive: Receive, *, takes_forms: bool) -> bytes:
        media = headers.get("content-type", "").split(";")[0].strip().lower()
        body = await read_body(receive, OTHER_MEDIA.get(media, MAX_BODY_BYTES), headers.get("content-length"))
        if not body or media in OTHER_MEDIA or (takes_forms and media in FORMS):
            return body
        if media != "application/json":
            raise WrongMediaType(f"send the body as application/json (a spreadsheet as text/csv), not as {media or 'nothing'}")
        check_json(body)
        return body


def replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever comes after it."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
