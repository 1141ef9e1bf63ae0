"""Expected failures: RFC 9457 problem documents with a stable slug.

A rule that can fail declares its own subclass beside itself; the edge turns it into `application/problem+json`. Load-bearing:
`document` is plain ASCII-safe JSON, so that whatever a client sent can be named back to it without breaking the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:ayni:problem:"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field (a dotted path, such as `quantity.amount`), and what to change."""

    field: str
    message: str


class Problem(Exception):
    """An expected failure. Raise a subclass; never return one: a returned answer commits."""

    status: int = 500
    slug: str = "internal"
    title: str = ""

    def __init__(self, detail: str, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail, self.errors, self.headers = detail, tuple(errors), dict(headers or {})


class BadRequest(Problem):
    status, slug, title = 400, "bad-request", "The request cannot be read"


class Unauthorised(Problem):
    status, slug, title = 401, "unauthorised", "Sign in first"


class Forbidden(Problem):
    status, slug, title = 403, "forbidden", "Not yours to do"


class NotFound(Problem):
    status, slug, title = 404, "not-found", "There is no such thing"


class Conflict(Problem):
    status, slug, title = 409, "conflict", "What stands does not allow it"


class Unprocessable(Problem):
    status, slug, title = 422, "unprocessable", "Some fields need a change"


class Unavailable(Problem):
    """Something that this answer needs is not there for a moment; always with Retry-After."""

    status, slug, title = 503, "unavailable", "Try again in a moment"

    def __init__(self, detail: str, retry_after_seconds: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})


class Relayed(Problem):
    """A problem that another part found, handed on as it is."""

    def __init__(self, found: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(found["detail"], [FieldError(one["field"], one["message"]) for one in found.get("errors", [])], headers)
        self.status, self.title, self.slug = found["status"], found["title"], found["type"].removeprefix(TYPE)


def refused(field: str, message: str) -> Unprocessable:
    """A 422 for one field."""
    return Unprocessable(f"{field}: {message}", [FieldError(field, message)])


def document(status: int, slug: str, title: str, detail: str, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    """The members of RFC 9457, and one entry per field."""
    body: dict[str, Any] = {"type": TYPE + slug, "title": title, "status": status, "detail": detail}
    if errors:
        body["errors"] = [{"field": error.field, "message": error.message} for error in errors]
    return body


def answer(problem: Problem) -> Response:
    """The HTTP answer of a problem."""
    return render(problem.status, problem.slug, problem.title, problem.detail, problem.errors, problem.headers)


def render(
    status: int,
    slug: str,
    title: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Lone surrogates in what a client sent become question marks: they are no text in UTF-8."""
    body = json.dumps(document(status, slug, title or HTTPStatus(status).phrase, detail, errors), ensure_ascii=False)
    return Response(body.encode("utf-8", "replace"), status, dict(headers or {}), MEDIA_TYPE)
