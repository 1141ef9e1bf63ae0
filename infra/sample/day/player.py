"""An organisation of the sample that acts in the day.

Load-bearing: MARK. Whatever a day puts on the market carries it in its `external_id`, so that it can be taken off again, also by the
next day after one that was cut short, and nothing else ever is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from infra.sample.market import SampleError
from infra.sample.member import Member

MARK = "day-"
MATCHED_SECONDS = 30.0  # what was just published is matched within one; a lot that spoils is waste two after that
LOOK_SECONDS = 0.1
PAGE = 100


class Player:
    """Acts through a member that has joined."""

    def __init__(self, member: Member) -> None:
        self.member = member

    @property
    def name(self) -> str:
        return self.member.organisation.cells["name"]

    async def publish(self, side: str, external_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """A listing at its first site, on the market."""
        me = await self.member.ask("GET", "/v1/me")
        sites = {site["name"]: site["id"] for site in me["organisation"]["sites"]}
        placed = {"external_id": MARK + external_id, "site_id": sites[self.member.organisation.sites[0]["name"]], "publish": True}
        return dict(await self.member.ask("POST", f"/v1/{side}", json=body | placed))

    async def change(self, path: str, change: dict[str, Any]) -> None:
        """A merge patch of what stands there now."""
        read = await self.member.send("GET", path)
        await self.member.ask("PATCH", path, json=change, headers={"If-Match": read.headers.get("ETag", "")})

    async def answer(self, match: str, verb: str, body: dict[str, str]) -> None:
        """Waits for the match where it is still being made. Raises SampleError where it does not come."""
        path = f"/v1/matches/{match}"
        try:
            async with asyncio.timeout(MATCHED_SECONDS):
                while not await self._is_answerable(path):  # noqa: ASYNC110 - no event tells of a match that is among nobody's best
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise SampleError(f"{self.name} {verb}s a match that has not come within {MATCHED_SECONDS:g} s: {path}") from None
        await self.member.ask("POST", f"{path}/{verb}", json=body)

    async def _is_answerable(self, path: str) -> bool:
        found = await self.member.send("GET", path)
        return found.is_success and found.json()["state"] in ("proposed", "offered", "agreed")

    async def clear(self) -> int:
        """Takes off the market what a day put there; how much that was."""
        cleared = 0
        for side in ("offers", "wants"):
            for id in [one["id"] async for one in self._standing(side) if (one["external_id"] or "").startswith(MARK)]:
                answer = await self.member.send("POST", f"/v1/{side}/{id}/withdraw")
                if not answer.is_success and answer.status_code != httpx.codes.CONFLICT:  # it may have ended meanwhile
                    raise SampleError(f"{self.name} cannot withdraw {id}: {answer.status_code} {answer.text[:500]}")
                cleared += answer.is_success
        return cleared

    async def _standing(self, side: str) -> AsyncIterator[dict[str, Any]]:
        query: dict[str, str] = {"state": "published", "limit": str(PAGE)}
        while True:
            page = await self.member.ask("GET", f"/v1/{side}", params=query)
            for item in page["items"]:
                yield item
            if page["next"] is None:
                return
            query["after"] = page["next"]
