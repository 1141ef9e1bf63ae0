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
from kit.problems import Relayed, Unavailable
from kit.tracing import carrying

JSON = "application/json"
DEADLINE_SECONDS = 10.0
PROBLEM = {"type", "title", "status", "detail"}


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of another process. caller: None where it is asked for ourselves. body: sent as JSON."""

    method: str
    path: str
    caller: Caller | None
    query: str = ""
    body: dict[str, Any] | None = None
    idempotency_key: str | None = None
    deadline_seconds: float = DEADLINE_SECONDS

    def request(self, internal_token: str) -> PartRequest:
        headers = {INTERNAL: internal_token, CORRELATION: telemetry.correlation_id.get() or ""} | carrying()
        headers |= self.caller.headers() if self.caller is not None else {}
        headers |= {"content-type": JSON} if self.body is not None else {}
        headers |= {HEADER: self.idempotency_key} if self.idempotency_key else {}
        content = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return PartRequest(self.method, self.path, self.query.encode(), lines, content, self.deadline_seconds)


async def answer_of(part: Part, call: Call, internal_token: str, mark: str = "") -> Any:
    """What the part answers. mark: a header that an answer must have, to be of whom we asked. Raises what the part raises, and Unavailable
    where it does not answer, or somebody else does."""
    answer = await part.call(call.request(internal_token))
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    found = _read(await answer.read())
    if (mark and mark not in headers) or found is None or (answer.status >= 400 and not found.keys() >= PROBLEM):
        raise Unavailable("what answers there is not what was asked for; try again in a moment")
    if answer.status >= 400:
        raise Relayed(found, {name: value for name, value in headers.items() if name == "retry-after"})
    return found


def _read(body: bytes) -> dict[str, Any] | None:
    """An object; None for anything else."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


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
