"""What fits with what, as the terminal shows it: read from the parts as they tell it to each other, so no account is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from infra.embedded.composition import Matched
from kit.forwarding import Part, PartRequest
from kit.identity import INTERNAL, Caller

SHOWN = 8
LOOKED_AT = 2000  # events; the newest
PAGE = 1000
QUIET_SECONDS = 0.5
SETTLED_PAGES = 20
PROPOSED = "pe.ayni.match.proposed.v1"
ONLOOKER = Caller(UUID(int=0), None, frozenset({"listings:read"}))


class Showcase:
    """A view of the running parts."""

    def __init__(self, listings: Part, notifications: Part, internal_token: str) -> None:
        self.listings, self.notifications, self.internal_token = listings, notifications, internal_token

    async def settle(self) -> None:
        """Returns when the feed has been quiet for a moment: what was published has been matched and told."""
        position = await self._head()
        for _ in range(SETTLED_PAGES):
            entries = await self._feed(position, QUIET_SECONDS)
            if not entries:
                return
            position = entries[-1]["position"]

    async def matched(self) -> Sequence[Matched]:
        """The best pairs of those told last, best first."""
        told: dict[str, dict[str, Any]] = {}
        position = max(0, await self._head() - LOOKED_AT)
        while entries := await self._feed(position, 0):
            told |= {entry["event"]["subject"]: entry["event"]["data"] for entry in entries if entry["event"]["type"] == PROPOSED}
            position = entries[-1]["position"]
        best = sorted(told.values(), key=lambda fact: (-fact["score"], fact["id"]))[:SHOWN]
        return [await self._shown(fact) for fact in best]

    async def _shown(self, fact: Mapping[str, Any]) -> Matched:
        offer, want = await self._title("offers", fact["offer_id"]), await self._title("wants", fact["want_id"])
        return Matched(fact["score"], offer, want, fact["distance_km"], fact["quantity_kg"])

    async def _title(self, side: str, listing_id: str) -> str:
        """As everybody sees it; of one that stands no more, its id."""
        status, found = await self._ask(self.listings, f"/v1/{side}/{listing_id}", {})
        return str(found["title"]) if status == 200 else listing_id

    async def _head(self) -> int:
        _, found = await self._ask(self.notifications, "/internal/feed/head", {})
        return int(found["position"])

    async def _feed(self, after: int, wait_seconds: float) -> list[dict[str, Any]]:
        query = {"after": after, "limit": PAGE, "wait_seconds": wait_seconds}
        status, found = await self._ask(self.notifications, "/internal/feed", query)
        entries: list[dict[str, Any]] = found["entries"] if status == 200 else []
        return entries

    async def _ask(self, part: Part, path: str, query: Mapping[str, object]) -> tuple[int, Any]:
        headers = ONLOOKER.headers() | {INTERNAL: self.internal_token}
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        answer = await part.call(PartRequest("GET", path, urlencode(query).encode(), lines))
        return answer.status, json.loads(await answer.read())
