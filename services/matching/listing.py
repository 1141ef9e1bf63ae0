"""Finding a listing for a reader: here if its events have come, else by asking listings, and waiting for what must come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from kit.identity import Caller
from kit.problems import Forbidden, NotFound, Unavailable
from services.matching.calls import Listings
from services.matching.market import Fact, Market, SideName, side_of
from services.matching.ownership import Ownership
from services.matching.settings import MatchingSettings

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Finder:
    """Answers from the markets of this process."""

    ownership: Ownership
    listings: Listings
    settings: MatchingSettings

    async def own(self, side: SideName, id: UUID, caller: Caller) -> tuple[Fact, list[Market]] | None:
        """My listing and its markets; None for a draft of mine. Raises 403 for a published one of others, else 404, and 503."""
        known = self._known(side, id)
        if not known:
            asked = await self.listings.standing(side, id, caller)
            self._check_owner(side, asked.organisation_id, asked.state, caller)
            if asked.state != "published":
                return None
            waits = self.settings.waits_for_listing_seconds
            known = await self._until(lambda: self._known(side, id) or None, waits, "this listing is being matched")
        fact = max(known, key=lambda heard: heard.version)
        self._check_owner(side, fact.organisation_id, fact.state, caller)
        partitions = self.ownership.rulebook.partitions_of(fact)
        waits = self.settings.waits_for_owner_seconds
        markets = await self._until(lambda: self.ownership.holding(partitions), waits, "this part of the market changes hands")
        return fact, markets

    def _known(self, side: SideName, id: UUID) -> list[Fact]:
        """What the markets here have heard of it."""
        heard = (market.facts.get(id) for market in self.ownership.markets.values())
        return [fact for fact in heard if fact is not None and side_of(fact) == side]

    def _check_owner(self, side: SideName, owner: UUID, state: str, caller: Caller) -> None:
        if owner == caller.organisation_id:
            return
        if state == "published":
            raise Forbidden(f"this {side} is another organisation's: ask for the matches of your own")
        raise NotFound(f"there is no such {side}")

    async def _until(self, look: Callable[[], Found | None], seconds: float, what: str) -> Found:
        """What is looked for, as soon as it is there."""
        try:
            async with asyncio.timeout(seconds), self.ownership.has_changed:
                while (found := look()) is None:
                    await self.ownership.has_changed.wait()
                return found
        except TimeoutError:
            raise Unavailable(f"{what}; ask again in a moment") from None
