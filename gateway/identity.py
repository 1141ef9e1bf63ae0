"""Who is at the door: a person by a session's token, a machine by its key, or nobody where nobody is needed.

Load-bearing: whatever the outside says in our own headers is dropped before it is forwarded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kit.forwarding import Part, PartRequest
from kit.identity import ALL_SCOPES, CORRELATION, INTERNAL, RESERVED, SESSION, SESSION_ID, Caller
from kit.ids import new_id
from kit.problems import Unauthorised
from kit.tokens import Tokens

API_KEY = "x-api-key"
CHALLENGE = {"WWW-Authenticate": "Bearer"}
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "host"}
)
OPEN = (
    ("POST", re.compile(r"/v1/organisations")),
    ("POST", re.compile(r"/v1/sessions(/refresh)?")),
    ("GET", re.compile(r"/v1/materials(/[^/]*)?")),
    ("HEAD", re.compile(r"/v1/materials(/[^/]*)?")),
)
SIGNED_IN_ELSEWHERE = re.compile(r"/v1/materials(/[^/]*)?")


def needs_nobody(method: str, path: str) -> bool:
    """The calls that need no sign-in (api.md, Conventions)."""
    return any(method == verb and pattern.fullmatch(path) for verb, pattern in OPEN) or bool(SIGNED_IN_ELSEWHERE.fullmatch(path))


@dataclass(frozen=True, slots=True)
class Identified:
    """The caller (None: nobody), and the session that is behind it."""

    caller: Caller | None
    session_id: UUID | None = None

    def headers(self) -> dict[str, str]:
        """As the parts read them."""
        found = self.caller.headers() if self.caller else {}
        return found | ({SESSION_ID: str(self.session_id)} if self.session_id else {})


class Door:
    """Identifies callers. Keys are looked up each time, so that one taken back is refused at once."""

    def __init__(self, tokens: Tokens, listings: Part, internal_token: str) -> None:
        self.tokens, self.listings, self.internal_token = tokens, listings, internal_token

    async def identify(self, authorization: str | None, api_key: str | None, now: datetime) -> Identified:
        """Raises 401 for a credential that is bad; nobody where there is none."""
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthorised("send `Authorization: Bearer <token>`", headers=CHALLENGE)
            claims = self.tokens.read(token.strip(), now)
            scopes = frozenset({*ALL_SCOPES, SESSION})
            return Identified(Caller(claims.organisation_id, claims.person_id, scopes), claims.session_id)
        return Identified(await self._by_key(api_key) if api_key is not None else None)

    async def _by_key(self, api_key: str) -> Caller:
        body = json.dumps({"key_hash": hashlib.sha256(api_key.encode("latin-1", "replace")).hexdigest()}).encode()
        headers = [(b"content-type", b"application/json"), (INTERNAL.encode(), self.internal_token.encode())]
        answer = await self.listings.call(PartRequest("POST", "/internal/api-keys/verify", headers=headers, body=body))
        found = json.loads(await answer.read())
        if answer.status != 200:
            raise Unauthorised("this key is unknown, expired or taken back", headers=CHALLENGE)
        return Caller(UUID(found["organisation_id"]), None, frozenset(found["scopes"]))


def inward(headers: Iterable[tuple[bytes, bytes]], own: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """The headers that go in: the caller's, without what is ours to say, and ours."""
    dropped = HOP_BY_HOP | RESERVED | {"authorization", API_KEY, CORRELATION, "content-length"}
    kept = [(name, value) for name, value in headers if name.decode("latin-1").lower() not in dropped]
    return kept + [(name.encode(), value.encode("latin-1")) for name, value in own.items()]


def correlation_of(given: str | None) -> str:
    """The caller's own correlation id if it is 1-100 visible ASCII characters, else a new one."""
    return given if given and re.fullmatch(r"[\x21-\x7e]{1,100}", given) else str(new_id())
