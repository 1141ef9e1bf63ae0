"""The other processes of matching: what this one asks an owner elsewhere, over internal calls that the gateway does not know.

Load-bearing: floats travel as JSON writes them, the shortest text that reads back as the same double, so that lists merge and page
exactly as in one process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from pydantic import BaseModel

from contracts.matching import Match
from kit.forwarding import Part
from kit.identity import Caller
from kit.pagination import cursor
from kit.problems import Problem, Relayed, Unavailable
from services.matching.calls import Call, answer_of

Key = tuple[float, float, str]  # the score rounded to ten decimals, negated; the distance rounded to six; the counterpart's id
CURSOR = "matches"
OWNER = "x-ayni-owner"  # on every answer of one process of matching to another: an address in the table may be somebody else's by now


class NotTheOwner(Problem):
    """This process does not own the partition (any more): whoever asked looks again who does."""

    status, slug, title = 421, "not-the-owner", "Another process matches this part of the market"


class OwnerAway(Exception):
    """The owner did not answer: it may have been replaced."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What is asked of each owner concerned: of a listing, at this version or a later one, the first `count` behind `last`."""

    listing_id: UUID
    version: int
    state: str | None
    least: float
    last: Key | None
    count: int

    def encoded(self) -> str:
        fields = {"listing": self.listing_id, "version": self.version, "min_score": self.least, "count": self.count}
        fields |= {} if self.state is None else {"state": self.state}
        fields |= {} if self.last is None else {"after": cursor(CURSOR, *self.last)}
        return urlencode(fields)


class Listed(BaseModel):
    """One match of a list, with what orders it among those of other owners."""

    key: Key
    match: Match


class ListedPage(BaseModel):
    """What one owner answers."""

    items: list[Listed]


@dataclass(frozen=True, slots=True)
class Peers:
    """part_at: the process at an address of `partition_owner`; None where this one is alone."""

    part_at: Callable[[str], Part] | None
    internal_token: str

    async def is_owner(self, address: str, partition: int, seconds: float) -> bool:
        """Whether the process at this address answers for the partition."""
        try:
            await self._answer(address, Call("GET", f"/internal/partitions/{partition}", None, deadline_seconds=seconds))
        except (NotTheOwner, OwnerAway, Relayed):
            return False
        return True

    async def page(self, address: str, partition: int, query: ListQuery, caller: Caller, seconds: float) -> list[Listed]:
        """A part of a list. Raises NotTheOwner, OwnerAway, and what the owner raises."""
        call = Call("GET", f"/internal/partitions/{partition}/matches", caller, query.encoded(), deadline_seconds=seconds)
        return ListedPage.model_validate(await self._answer(address, call)).items

    async def match(self, address: str, partition: int, match_id: str, caller: Caller, seconds: float) -> Match:
        """One match, as page does."""
        call = Call("GET", f"/internal/partitions/{partition}/matches/{match_id}", caller, deadline_seconds=seconds)
        return Match.model_validate(await self._answer(address, call))

    async def answer(
        self, address: str, partition: int, match_id: str, verb: str, body: dict[str, Any], caller: Caller, key: str | None, seconds: float
    ) -> Match:
        """One side's answer, given where the pair is matched. As match does."""
        path = f"/internal/partitions/{partition}/matches/{match_id}/{verb}"
        return Match.model_validate(await self._answer(address, Call("POST", path, caller, "", body, key, seconds)))

    async def _answer(self, address: str, call: Call) -> Any:
        if self.part_at is None:
            raise OwnerAway(address)
        try:
            return await answer_of(self.part_at(address), call, self.internal_token, OWNER)
        except Unavailable as away:
            raise OwnerAway(address) from away
        except Relayed as found:
            if found.slug == NotTheOwner.slug:
                raise NotTheOwner(found.detail) from None
            raise
