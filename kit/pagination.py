"""Cursors and pages: a cursor is opaque, names the list it belongs to, and carries a checksum, so that one that is not ours is refused.

It is no secret and grants nothing: every page applies the caller's own rights again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

from kit.problems import refused

Item = TypeVar("Item")
Limit = Annotated[int, Query(ge=1, le=100, description="How many items a page holds, 1 to 100")]
After = Annotated[str | None, Query(max_length=500, description="The cursor `next` of the page before")]


class Page(BaseModel, Generic[Item]):
    """`next` is null on the last page."""

    items: list[Item]
    next: str | None = None


def _digest(text: bytes) -> bytes:
    return hashlib.blake2s(text, digest_size=4).digest()


def cursor(kind: str, *key: str | int | float) -> str:
    """The opaque form of the key behind which the next page begins."""
    text = json.dumps([kind, *key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(text) + text).decode().rstrip("=")


def read_cursor(kind: str, text: str, field: str = "after") -> list[Any]:
    """The key of a cursor. Raises 422 for one that is not ours, or of another list."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw[4:]) if _digest(raw[4:]) == raw[:4] else None
    except (ValueError, UnicodeError):
        found = None
    if not isinstance(found, list) or found[:1] != [kind]:
        raise refused(field, "is no cursor of this list: use `next` of a page before, as it was given")
    return found[1:]


def read_id_cursor(kind: str, text: str | None) -> UUID | None:
    """The id behind which the next page begins; None on the first page. Raises 422 as read_cursor does."""
    if text is None:
        return None
    match read_cursor(kind, text):
        case [str(id)]:
            try:
                return UUID(id)
            except ValueError:
                pass
    raise refused("after", "is no cursor of this list: use `next` of a page before, as it was given")
