"""Calls from this process to another, in the name of the caller: to listings (answers, and what stands behind an id that nobody here has
heard of) and, in peers.py, to the other processes of matching."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from contracts.listings import Deal
from kit import telemetry
from kit.forwarding import Part, PartRequest
from kit.idempotency import HEADER
from kit.identity import CORRELATION, INTERNAL, Caller
from kit.problems import Relayed
from kit.tracing import carrying

JSON = "application/json"
DEADLINE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of another process. body: sent as JSON."""

    method: str
    path: str
    caller: Caller
    query: str = ""
    body: dict[str, Any] | None = None
    idempotency_key: str | None = None
    deadline_seconds: float = DEADLINE_SECONDS

    def request(self, internal_token: str) -> PartRequest:
        headers = self.caller.headers() | {INTERNAL: internal_token, CORRELATION: telemetry.correlation_id.get() or ""} | carrying()
        headers |= {"content-type": JSON} if self.body is not None else {}
        headers |= {HEADER: self.idempotency_key} if self.idempotency_key else {}
        content = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return PartRequest(self.method, self.path, self.query.encode(), lines, content, self.deadline_seconds)


async def answer_of(part: Part, call: Call, internal_token: str) -> Any:
    """What the part answers. Raises what it raises, and Unavailable where it does not answer."""
    answer = await part.call(call.request(internal_token))
    found = json.loads(await answer.read())
    if answer.status >= 400:
        kept = {name.decode(): value.decode() for name, value in answer.headers if name.lower() == b"retry-after"}
        raise Relayed(found, kept)
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """What listings says of a listing. partitions: every one that its events were ever sent to."""

    organisation_id: UUID
    state: str
    version: int
    partitions: frozenset[int]


@dataclass(frozen=True, slots=True)
class Own:
    """A listing of the caller's. external_id: what the caller calls it."""

    id: UUID
    external_id: str | None
    state: str


class Listings:
    """Listings, over whatever forwarding the process was composed with."""

    def __init__(self, part: Part, internal_token: str) -> None:
        self.part, self.internal_token = part, internal_token

    async def standing(self, side: str, id: UUID, caller: Caller) -> Asked:
        """Whose listing it is, in which state, and where it is matched. Raises 404."""
        found = await answer_of(self.part, Call("GET", f"/internal/listings/{side}/{id}", caller), self.internal_token)
        return Asked(UUID(found["organisation_id"]), found["state"], found["version"], frozenset(found["partitions"]))

    async def mine(self, side: str, caller: Caller, only: UUID | None = None) -> AsyncIterator[Own]:
        """The caller's own listings, oldest first, or the one that is asked for, if it is the caller's."""
        query: dict[str, object] = {} if only is None else {"only": only}
        while True:
            found = await answer_of(self.part, Call("GET", f"/internal/listings/{side}", caller, urlencode(query)), self.internal_token)
            for one in found["items"]:
                yield Own(UUID(one["id"]), one["external_id"], one["state"])
            if found["next"] is None:
                return
            query = {"after": found["next"]}

    async def answer(self, body: dict[str, Any], caller: Caller, idempotency_key: str | None) -> Deal:
        """Gives one side's answer. Raises what listings raises."""
        call = Call("POST", "/internal/answers", caller, body=body, idempotency_key=idempotency_key)
        return Deal.model_validate(await answer_of(self.part, call, self.internal_token))
