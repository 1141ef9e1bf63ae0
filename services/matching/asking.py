"""Asking the owner of a partition, wherever it runs: here, or in another process of matching (design.md, "An owner").

Load-bearing: `ask`. Whoever answers proves that it owns the partition at the epoch of the row; whoever does not sends the asker back to
the table. While a partition changes hands there is nobody to ask, and readers wait, for a bounded time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any, TypeVar

from contracts.matching import Match
from kit.identity import Caller
from kit.problems import Unavailable
from services.matching.answers import answer, found_match, pair_id
from services.matching.calls import Listings
from services.matching.market import Market, PairKey
from services.matching.ownership import Ownership
from services.matching.peers import Listed, ListQuery, NotTheOwner, OwnerAway, Peers
from services.matching.reading import page_of
from services.matching.settings import MatchingSettings

Answer = TypeVar("Answer")
Here = Callable[[Market], Awaitable[Answer]]
There = Callable[[str, float], Awaitable[Answer]]
LOOK_AGAIN_SECONDS = 0.05
ANSWER_SECONDS = 8.0  # less than the gateway waits


@dataclass(frozen=True, slots=True)
class Desk:
    """Where reads and answers come in."""

    ownership: Ownership
    listings: Listings
    peers: Peers
    settings: MatchingSettings

    async def matches(self, partitions: Iterable[int], query: ListQuery, caller: Caller) -> list[Listed]:
        """The list of a listing over all the partitions concerned, merged by score: exactly that of one process."""
        asked = [self._page(partition, query, caller) for partition in sorted(partitions)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        lists: list[list[Listed]] = []
        for one in found:
            if isinstance(one, BaseException):
                raise one
            lists.append(one)
        return list(islice(merge(*lists, key=lambda listed: listed.key), query.count))

    async def _page(self, partition: int, query: ListQuery, caller: Caller) -> list[Listed]:
        return await self.ask(
            partition,
            lambda market: self.page_here(market, query),
            lambda address, seconds: self.peers.page(
                address, partition, query, caller, min(seconds, self.settings.waits_for_answer_seconds)
            ),
        )

    async def match(self, partition: int, pair: PairKey, caller: Caller) -> Match:
        """One match, to one of its sides. Raises 404."""

        async def here(market: Market) -> Match:
            return found_match(market, pair, caller)

        return await self.ask(
            partition,
            here,
            lambda address, seconds: self.peers.match(
                address, partition, pair_id(pair), caller, min(seconds, self.settings.waits_for_answer_seconds)
            ),
        )

    async def answer(self, partition: int, pair: PairKey, verb: str, body: dict[str, Any], caller: Caller, key: str | None) -> Match:
        """One side's answer; the match as it is then. Raises 404, 409, 422. An answer that is repeated changes nothing, so it may be
        given again where nobody knows whether the first was heard. An owner that was found has the time that listings may need: answers to
        one lot wait for each other."""
        return await self.ask(
            partition,
            lambda market: self.answer_here(market, pair, verb, body, caller, key),
            lambda address, _: self.peers.answer(address, partition, pair_id(pair), verb, body, caller, key, ANSWER_SECONDS),
        )

    async def ask(self, partition: int, here: Here[Answer], there: There[Answer]) -> Answer:
        """What the owner answers. there: by address, within so many seconds. Raises 503 where no owner is found in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.settings.waits_for_owner_seconds
        while (left := deadline - loop.time()) > 0:
            owner = await self.ownership.owners.of(partition)
            try:
                if owner is not None and owner.address == self.ownership.address:
                    return await here(await self.market_here(partition))
                if owner is not None and owner.is_ready:
                    return await there(owner.address, left)
            except (NotTheOwner, OwnerAway):
                pass
            await self.ownership.change(min(LOOK_AGAIN_SECONDS, left))
            self.ownership.owners.forget()
        raise Unavailable("this part of the market changes hands; ask again in a moment")

    async def market_here(self, partition: int) -> Market:
        """The market of a partition that this process owns by the table. Raises NotTheOwner."""
        market = await self.ownership.proven(partition)
        if market is None:
            raise NotTheOwner(f"partition {partition} is matched elsewhere, or changes hands")
        return market

    async def page_here(self, market: Market, query: ListQuery) -> list[Listed]:
        """A part of a list, as soon as the listing has come to this market. Raises NotTheOwner, and 503 where it does not come."""
        await self._heard(market, query)
        return page_of(market, query)

    async def _heard(self, market: Market, query: ListQuery) -> None:
        try:
            async with asyncio.timeout(self.settings.waits_for_listing_seconds), self.ownership.has_changed:
                while not market.has_heard(query.listing_id, query.version):
                    await self.ownership.has_changed.wait()
                    if self.ownership.markets.get(market.partition) is not market:
                        raise NotTheOwner(f"partition {market.partition} has changed hands")
        except TimeoutError:
            raise Unavailable("this listing is being matched; ask again in a moment") from None

    async def answer_here(self, market: Market, pair: PairKey, verb: str, body: dict[str, Any], caller: Caller, key: str | None) -> Match:
        """See answer."""
        return await answer(self.ownership.pool, market, self.listings, pair, verb, body, caller, key)
