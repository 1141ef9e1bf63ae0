"""Who calls: what the gateway found out, carried to the parts in headers that nobody outside can set.

Load-bearing: a part believes these headers only beside the internal token, which the gateway strips from outside requests.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fastapi import Depends, Request

from kit.problems import Forbidden, NotFound, Unauthorised

ORGANISATION = "x-ayni-organisation"
PERSON = "x-ayni-person"
SCOPES = "x-ayni-scopes"
INTERNAL = "x-ayni-internal"
CORRELATION = "x-correlation-id"
DEADLINE = "x-ayni-deadline-seconds"
SESSION_ID = "x-ayni-session"
RESERVED = frozenset({ORGANISATION, PERSON, SCOPES, INTERNAL, DEADLINE, SESSION_ID})

ALL_SCOPES = ("listings:read", "listings:write", "matches:read", "matches:write", "events:read", "notices:read")
SESSION = "session"  # the scope of what only a signed-in person may do, and no key: making keys, for instance


class MissingScope(Forbidden):
    slug, title = "missing-scope", "This key does not reach so far"


@dataclass(frozen=True, slots=True)
class Caller:
    """An organisation, and the person or key that acts for it (person_id is None for a key)."""

    organisation_id: UUID
    person_id: UUID | None
    scopes: frozenset[str]

    REQUIRED: ClassVar[str] = "sign in: send `Authorization: Bearer <token>` or `X-API-Key: <key>`"

    def headers(self) -> dict[str, str]:
        """As they travel from the gateway to a part."""
        found = {ORGANISATION: str(self.organisation_id), SCOPES: " ".join(sorted(self.scopes))}
        return found | ({PERSON: str(self.person_id)} if self.person_id else {})


def is_internal(request: Request) -> bool:
    """Whether the call came from one of our own parts."""
    expected: str = request.app.state.internal_token
    return hmac.compare_digest(request.headers.get(INTERNAL, "").encode(), expected.encode())


def caller_of(request: Request) -> Caller:
    """The caller that the gateway vouches for. Raises 401 where there is none."""
    headers = request.headers
    if not is_internal(request) or ORGANISATION not in headers:
        raise Unauthorised(Caller.REQUIRED, headers={"WWW-Authenticate": "Bearer"})
    person = headers.get(PERSON)
    return Caller(UUID(headers[ORGANISATION]), UUID(person) if person else None, frozenset(headers.get(SCOPES, "").split()))


def needs(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency: the caller, who must have this scope (403 names the missing one)."""

    async def caller(request: Request) -> Caller:
        found = caller_of(request)
        if scope not in found.scopes:
            raise MissingScope(f"this needs the scope {scope!r}")
        return found

    return caller


async def only_internal(request: Request) -> None:
    """For the calls between parts: from outside they do not exist."""
    if not is_internal(request):
        raise NotFound("there is no such path")


INTERNAL_ONLY = Depends(only_internal)
