"""The calls that notifications makes to listings: who the people of an organisation are when it delivers, the language they chose, and the
answer that one of them gave by a link.

Addresses are asked for each time and kept nowhere (design.md, People): somebody who has left is written to no more.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from contracts.listings import Addressee
from contracts.values import Language
from kit import telemetry
from kit.forwarding import Part, PartRequest
from kit.identity import CORRELATION, INTERNAL, Caller
from kit.problems import NotFound, Unavailable

AT_ONCE = 100  # organisations in one call
DEADLINE_SECONDS = 5.0
NOTHING_TO_KEEP = (404, 409)
_PEOPLE = TypeAdapter(list[Addressee])


class Listings:
    """Listings, over whatever forwarding the process was composed with."""

    def __init__(self, part: Part, internal_token: str) -> None:
        self.part, self.internal_token = part, internal_token

    async def people(self, organisation_ids: Collection[UUID]) -> list[Addressee]:
        """Everybody of up to 100 organisations. Raises Unavailable."""
        found = await self._call("POST", "/internal/addresses", {"organisation_ids": [str(one) for one in organisation_ids]})
        return _PEOPLE.validate_python(found["people"])

    async def person(self, organisation_id: UUID, person_id: UUID) -> Addressee:
        """Raises Unavailable, and 404 for somebody who is there no more."""
        people = {one.person_id: one for one in await self.people([organisation_id])}
        if person_id not in people:
            raise NotFound("there is no such person any more: sign in again")
        return people[person_id]

    async def choose_language(self, person_id: UUID, language: Language) -> None:
        """From now on everything is said to them in this language. Raises Unavailable."""
        await self._call("PUT", f"/internal/people/{person_id}/language", {"language": language})

    async def keep(self, caller: Caller, side: str, listing_id: UUID) -> bool:
        """Says for somebody that their listing still stands; False where it is not on the market any more. Raises Unavailable."""
        status, _ = await self._ask("POST", f"/v1/{side}s/{listing_id}/keep", caller.headers(), b"")
        if status not in (200, *NOTHING_TO_KEEP):
            raise Unavailable("your answer cannot be given; try again in a moment")
        return status == 200

    async def _call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        status, said = await self._ask(method, path, {"content-type": "application/json"}, json.dumps(body).encode())
        if status >= 300:
            raise Unavailable("who is to be written to cannot be looked up; try again in a moment")
        return json.loads(said) if said else None

    async def _ask(self, method: str, path: str, own: dict[str, str], body: bytes) -> tuple[int, bytes]:
        headers = own | {INTERNAL: self.internal_token, CORRELATION: telemetry.correlation_id.get() or ""}
        lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = await self.part.call(PartRequest(method, path, headers=lines, body=body, deadline_seconds=DEADLINE_SECONDS))
        return answer.status, await answer.read()
