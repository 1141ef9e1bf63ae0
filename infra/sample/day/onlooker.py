"""Watching the stream as each player: what one of them may see is told once, as it comes, whoever else sees it, too.

Load-bearing: `Last-Event-ID`. A stream that breaks, or that ends with its session, goes on behind the last event that came.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from infra.sample.day.player import Player
from infra.sample.market import SampleError
from infra.sample.together import beside

Event = dict[str, Any]
AGAIN_SECONDS = 1.0
SILENCE_SECONDS = 60.0  # the exchange says something, if only that it is still there, far more often


class Onlooker:
    """events: in the order in which they came."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self._client = client
        self._seen: set[str] = set()
        self._heard = asyncio.Event()

    @asynccontextmanager
    async def watching(self, players: Sequence[Player]) -> AsyncIterator[None]:
        """Inside the block all streams are open: nothing that happens in it is missed."""
        opened = [asyncio.Event() for _ in players]
        async with beside(*(self._watch(player, is_open) for player, is_open in zip(players, opened, strict=True))):
            for one in opened:
                await one.wait()
            yield

    async def quiet(self, seconds: float, at_most: float) -> None:
        """Returns when nothing has come for so long. Others may go on writing: not later than `at_most` seconds from now."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                while True:
                    self._heard.clear()
                    async with asyncio.timeout(seconds):
                        await self._heard.wait()

    async def _watch(self, player: Player, is_open: asyncio.Event) -> None:
        last: str | None = None
        while True:
            headers = player.member.identity() | ({} if last is None else {"Last-Event-ID": last})
            timeout = httpx.Timeout(SILENCE_SECONDS, read=SILENCE_SECONDS)
            try:
                async with self._client.stream("GET", "/v1/stream", headers=headers, timeout=timeout) as answer:
                    if answer.status_code == httpx.codes.UNAUTHORIZED:
                        await player.member.sign_in()
                        continue
                    if not answer.is_success:
                        raise SampleError(f"the stream answers {answer.status_code} {(await answer.aread())[:500]!r}")
                    is_open.set()
                    async for event in _events(answer):
                        last = event["aynicursor"]
                        self._hear(event)
            except httpx.TransportError:
                pass
            await asyncio.sleep(AGAIN_SECONDS)

    def _hear(self, event: Event) -> None:
        self._heard.set()
        if event["id"] not in self._seen:
            self._seen.add(event["id"])
            self.events.put_nowait(event)


async def _events(answer: httpx.Response) -> AsyncIterator[Event]:
    """Each event stands on one line of data."""
    async for line in answer.aiter_lines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))
