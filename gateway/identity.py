"""Who is at the door: a person by a session's token, a machine by its key, or nobody where nobody is needed.

Load-bearing: `inward`. Whatever the outside says in our own headers is dropped before it is forwarded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kit import telemetry
from kit.forwarding import Part, PartRequest
from kit.identity import ALL_SCOPES, CORRELATION, INTERNAL, RESERVED, SESSION, SESSION_ID, Caller
from kit.ids import new_id
from kit.problems import Unauthorised, Unavailable
from kit.tokens import Tokens
from kit.tracing import TRACEPARENT, carrying

API_KEY = "x-api-key"
CHALLENGE = {"WWW-Authenticate": "Bearer"}
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
OURS = RESERVED | {"authorization", API_KEY, CORRELATION, TRACEPARENT, "tracestate", "content-length", "host"}
READING = frozenset({"GET", "HEAD"})
POSTING = frozenset({"POST"})
OPERATING = frozenset({"/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/start.js"})
OPEN = (
    (POSTING, re.compile(r"/v1/organisations")),
    (POSTING, re.compile(r"/v1/sessions(/refresh)?")),
    (READING, re.compile(r"/v1/materials(/.*)?")),
    (POSTING, re.compile(r"/v1/materials/suggest")),
    (frozenset({"GET", "POST"}), re.compile(r"/v1/(unsubscribe|keep)/[^/]+")),
)


def needs_nobody(method: str, path: str) -> bool:
    """The calls that need no sign-in (api.md, Conventions)."""
    return path in OPERATING or any(method in methods and pattern.fullmatch(path) for methods, pattern in OPEN)


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
        """Nobody where there is no credential. Raises 401 for a bad one, 503 where a key cannot be looked up."""
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
        headers = lines_of(vouched(self.internal_token) | {"content-type": "application/json"})
        answer = await self.listings.call(PartRequest("POST", "/internal/api-keys/verify", headers=headers, body=body))
        said = await answer.read()
        if answer.status == 404:
            raise Unauthorised("this key is unknown, expired or taken back", headers=CHALLENGE)
        if answer.status != 200:
            raise Unavailable("this key cannot be looked up; try again in a moment")
        found = json.loads(said)
        return Caller(UUID(found["organisation_id"]), None, frozenset(found["scopes"]))


def vouched(internal_token: str) -> dict[str, str]:
    """The headers of a call of the gateway's own: it is one of us, and which call of the outside it serves."""
    correlation = telemetry.correlation_id.get()
    return {INTERNAL: internal_token} | ({CORRELATION: correlation} if correlation else {}) | carrying()


def lines_of(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """As ASGI has them."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def inward(headers: Iterable[tuple[bytes, bytes]], own: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """The headers that go in: the caller's, without what is ours to say and what ends at each hop, and ours."""
    return [line for line in end_to_end(headers) if line[0].decode("latin-1").lower() not in OURS] + lines_of(own)


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Without those of one hop, and those that `Connection` names (RFC 9110, section 7.6.1)."""
    lines = [(name.decode("latin-1").lower(), name, value) for name, value in headers]
    named = {option.strip().lower() for low, _, value in lines if low == "connection" for option in value.decode("latin-1").split(",")}
    return [(name, value) for low, name, value in lines if low not in HOP_BY_HOP and low not in named]


def correlation_of(given: str | None) -> str:
    """The caller's own correlation id if it is 1-100 visible ASCII characters, else a new one."""
    return given if given and re.fullmatch(r"[\x21-\x7e]{1,100}", given) else str(new_id())
