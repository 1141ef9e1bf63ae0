"""What the terminal shows of a market: the best of what was told and still stands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import parse_qs

import pytest

from infra.embedded.showcase import SHOWN, Showcase
from kit.forwarding import PartAnswer, PartRequest
from tests.patience import PATIENCE_SECONDS


class Feed:
    """Of notifications: its events, at positions from 1."""

    def __init__(self, events: Sequence[dict[str, Any]]) -> None:
        self.events = events

    async def call(self, request: PartRequest) -> PartAnswer:
        if request.path == "/internal/feed/head":
            return answer(200, {"position": len(self.events)})
        after = int(parse_qs(request.query.decode())["after"][0])
        return answer(200, {"entries": [{"position": number, "event": one} for number, one in enumerate(self.events, 1) if number > after]})


class Listings:
    """Everything stands, but those that are gone; a title is the id in capitals."""

    def __init__(self, gone: frozenset[str] = frozenset()) -> None:
        self.gone = gone

    async def call(self, request: PartRequest) -> PartAnswer:
        id = request.path.rpartition("/")[2]
        return answer(404, {}) if id in self.gone else answer(200, {"title": id.upper()})


def answer(status: int, body: Any) -> PartAnswer:
    async def chunks() -> AsyncIterator[bytes]:
        yield json.dumps(body).encode()

    return PartAnswer(status, (), chunks())


def match(verb: str, offer: str, want: str, score: float) -> dict[str, Any]:
    id = f"{offer}.{want}"
    data = {"id": id, "offer_id": offer, "want_id": want, "score": score, "distance_km": 12.5, "quantity_kg": 700.0}
    return {"type": f"pe.ayni.match.{verb}.v1", "subject": id, "data": data}


class Restless(Feed):
    """Something new whenever it is asked."""

    async def call(self, request: PartRequest) -> PartAnswer:
        self.events = [*self.events, match("proposed", "o", "w", 0.5)]
        await asyncio.sleep(0)
        return await super().call(request)


async def test_a_market_that_never_rests_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.embedded.showcase.SETTLED_SECONDS", 0.1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await Showcase(Listings(), Restless([]), "internal").settle()


async def test_the_best_of_what_stands_is_shown_best_first() -> None:
    told = [match("proposed", "o1", "w1", 0.7), match("proposed", "o2", "w1", 0.9), match("proposed", "o3", "w2", 0.8)]
    feed = Feed([*told, {"type": "pe.ayni.offer.changed.v1", "subject": "o1", "data": {}}, match("lapsed", "o3", "w2", 0.8)])
    shown = await Showcase(Listings(), feed, "internal").matched()
    assert [(one.score, one.offer, one.want) for one in shown] == [(0.9, "O2", "W1"), (0.7, "O1", "W1")]


async def test_a_listing_that_is_gone_leaves_its_place_to_the_next() -> None:
    told = [match("proposed", f"o{number}", "w", 1 - number / 100) for number in range(2 * SHOWN)]
    shown = await Showcase(Listings(frozenset({"o0", "o3"})), Feed(told), "internal").matched()
    assert [one.offer for one in shown] == [f"O{number}" for number in range(SHOWN + 2) if number not in (0, 3)]


async def test_an_empty_market_shows_nothing() -> None:
    assert await Showcase(Listings(), Feed([]), "internal").matched() == []
