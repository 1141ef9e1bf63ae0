"""The calls that notifications makes to listings: who the people of an organisation are when it delivers, and the language they chose.

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
from kit.identity import CORRELATION, INTERNAL
from kit.problems import NotFound, Unavailable

AT_ONCE = 100  # organisations in one call
DEADLINE_SECONDS = 5.0
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

    async def _call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        headers = {INTERNAL: self.internal_token, CORRELATION: telemetry.correlation_id.get() or "", "content-type": "application/json"}
        lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        request = PartRequest(method, path, headers=lines, body=json.dumps(body).encode(), deadline_seconds=DEADLINE_SECONDS)
        answer = await self.part.call(request)
        said = await answer.read()
        if answer.status >= 300:
            raise Unavailable("who is to be written to cannot be looked up; try again in a moment")
        return json.loads(said) if said else None
