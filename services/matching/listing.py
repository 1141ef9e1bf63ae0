"""Finding a listing for a reader: what matching has heard of it, on whichever process, else what listings says of it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from kit.identity import Caller
from kit.problems import Forbidden, NotFound, Unavailable
from services.matching.bucket import NewerCatalogueError, Rulebook
from services.matching.calls import Listings
from services.matching.market import Fact, SideName, side_of
from services.matching.repository import heard


@dataclass(frozen=True, slots=True)
class Concern:
    """A listing whose list is asked for. version: what every owner must have heard; current: the partitions on which it is matched;
    ever: and those that it was ever sent to, where pairs of it may have been told and answered."""

    id: UUID
    version: int
    current: frozenset[int]
    ever: frozenset[int]


@dataclass(frozen=True, slots=True)
class Finder:
    """Looks into the tables that all processes of matching share."""

    pool: asyncpg.Pool[asyncpg.Record]
    rulebook: Rulebook
    listings: Listings

    async def own(self, side: SideName, id: UUID, caller: Caller) -> Concern | None:
        """My listing; None for a draft of mine. Raises 403 for a published one of others, else 404, and 503."""
        known = {number: fact for number, fact in (await heard(self.pool, id)).items() if side_of(fact) == side}
        if not known:
            return await self._unheard(side, id, caller)
        fact = max(known.values(), key=lambda one: one.version)
        _check_owner(side, fact.organisation_id, fact.state, caller)
        concern = self._concern(fact, frozenset(known))
        if fact.state == "published":
            return concern
        asked = await self.listings.standing(side, id, caller)  # it may just have been published anew
        is_back = asked.state == "published" and asked.version > fact.version
        return Concern(id, asked.version, asked.partitions, asked.partitions | concern.ever) if is_back else concern

    async def _unheard(self, side: SideName, id: UUID, caller: Caller) -> Concern | None:
        asked = await self.listings.standing(side, id, caller)
        _check_owner(side, asked.organisation_id, asked.state, caller)
        return Concern(id, asked.version, asked.partitions, asked.partitions) if asked.state == "published" else None

    def _concern(self, fact: Fact, sent_to: frozenset[int]) -> Concern:
        try:
            self.rulebook.check_known(fact)
        except NewerCatalogueError:
            raise Unavailable("this part of the market is being upgraded; ask again in a moment") from None
        current = frozenset(self.rulebook.partitions_of(fact))
        return Concern(fact.id, fact.version, current, current | sent_to)

    async def partition_of(self, offer_id: UUID) -> int:
        """Where an offer's pairs are matched. Raises 404 for an offer that matching has not heard of."""
        known = {number: fact for number, fact in (await heard(self.pool, offer_id)).items() if side_of(fact) == "offer"}
        if not known:
            raise NotFound("there is no such match")
        return max(known, key=lambda number: known[number].version)


def _check_owner(side: SideName, owner: UUID, state: str, caller: Caller) -> None:
    if owner == caller.organisation_id:
        return
    if state == "published":
        raise Forbidden(f"this {side} is another organisation's: ask for the matches of your own")
    raise NotFound(f"there is no such {side}")
