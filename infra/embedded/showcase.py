"""What fits with what, as the terminal shows it: read from the parts as they tell it to each other, so no account is needed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from infra.embedded.composition import Matched
from kit.forwarding import Part, PartRequest
from kit.identity import INTERNAL, Caller

SHOWN = 8
TRIED = 80  # the best of those told, to find as many that stand
LOOKED_AT = 2000  # events; the newest
PAGE = 1000
QUIET_SECONDS = 2.0
SETTLED_SECONDS = 10.0
PROPOSED, LAPSED = "pe.ayni.match.proposed.v1", "pe.ayni.match.lapsed.v1"
ONLOOKER = Caller(UUID(int=0), None, frozenset({"listings:read"}))


class Showcase:
    """A view of the running parts."""

    def __init__(self, listings: Part, notifications: Part, internal_token: str) -> None:
        self.listings, self.notifications, self.internal_token = listings, notifications, internal_token

    async def settle(self) -> None:
        """Returns when the feed has been quiet for a moment: what was published has been matched and told. Where somebody goes on
        writing, not later than that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_SECONDS):
                position = await self._head()
                while entries := await self._feed(position, QUIET_SECONDS):
                    position = entries[-1]["position"]

    async def matched(self) -> Sequence[Matched]:
        """The best pairs of those told last, best first: of what still stands."""
        told: dict[str, dict[str, Any]] = {}
        position = max(0, await self._head() - LOOKED_AT)
        while entries := await self._feed(position, 0):
            for event in (entry["event"] for entry in entries):
                if event["type"] == PROPOSED:
                    told[event["subject"]] = event["data"]
                elif event["type"] == LAPSED:
                    told.pop(event["subject"], None)
            position = entries[-1]["position"]
        return await self._standing(sorted(told.values(), key=lambda fact: (-fact["score"], fact["id"]))[:TRIED])

    async def _standing(self, best: Sequence[Mapping[str, Any]]) -> list[Matched]:
        found: list[Matched] = []
        for fact in best:
            offer, want = await self._title("offers", fact["offer_id"]), await self._title("wants", fact["want_id"])
            if offer is not None and want is not None:
                found.append(Matched(fact["score"], offer, want, fact["distance_km"], fact["quantity_kg"]))
            if len(found) == SHOWN:
                break
        return found

    async def _title(self, side: str, listing_id: str) -> str | None:
        """As everybody sees it; None for one that stands no more."""
        status, found = await self._ask(self.listings, f"/v1/{side}/{listing_id}", {})
        return str(found["title"]) if status == 200 else None

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
