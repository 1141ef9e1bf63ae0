"""The calls that matching makes to listings: answers to matches, and what stands behind an id it has not heard of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.listings import Deal
from kit import telemetry
from kit.forwarding import Part, PartRequest
from kit.idempotency import HEADER
from kit.identity import CORRELATION, INTERNAL, Caller
from kit.problems import Relayed
from kit.tracing import carrying

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Asked:
    """What listings says of a listing."""

    organisation_id: UUID
    state: str
    version: int


class Listings:
    """Listings, over whatever forwarding the process was composed with."""

    def __init__(self, part: Part, internal_token: str) -> None:
        self.part, self.internal_token = part, internal_token

    async def standing(self, side: str, id: UUID, caller: Caller) -> Asked:
        """Whose listing it is, in which state. Raises 404."""
        found = await self._call("GET", f"/internal/listings/{side}/{id}", caller)
        return Asked(UUID(found["organisation_id"]), found["state"], found["version"])

    async def answer(self, body: dict[str, Any], caller: Caller, idempotency_key: str | None) -> Deal:
        """Gives one side's answer. Raises what listings raises."""
        return Deal.model_validate(await self._call("POST", "/internal/answers", caller, body, idempotency_key))

    async def _call(
        self, method: str, path: str, caller: Caller, body: dict[str, Any] | None = None, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        headers = caller.headers() | {INTERNAL: self.internal_token, CORRELATION: telemetry.correlation_id.get() or ""} | carrying()
        headers |= {"content-type": JSON} if body is not None else {}
        headers |= {HEADER: idempotency_key} if idempotency_key else {}
        content = b"" if body is None else json.dumps(body).encode()
        lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = await self.part.call(PartRequest(method, path, headers=lines, body=content))
        found: dict[str, Any] = json.loads(await answer.read())
        if answer.status >= 400:
            kept = {name.decode(): value.decode() for name, value in answer.headers if name.lower() == b"retry-after"}
            raise Relayed(found, kept)
        return found
