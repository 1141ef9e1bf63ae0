"""Without a broker, at the start and in the middle, the API goes on taking what people say; when it is back, all of that is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.chaos.load import Client, Firm, Journal
from tests.chaos.system import System
from tests.e2e.people import offer_body

AWAY_SECONDS = 8.0
DRAIN_SECONDS = 180.0
WRITES = 20


@pytest.fixture
async def system(server_folder: Path) -> AsyncIterator[System]:
    system = System(server_folder, brokers=1, owners=1, plants=())
    try:
        await system.start_servers()
        yield system
    finally:
        await system.stop()


async def publish(firm: Firm, count: int) -> set[str]:
    """Each is answered 201 at the first call, or the test ends."""
    made = set()
    for _ in range(count):
        answer = await firm.client.http.post("/v1/offers", json=offer_body(), headers=firm.headers)
        assert answer.status_code == 201, answer.text
        made.add(answer.json()["id"])
    return made


async def until_told(firm: Firm, ids: set[str]) -> float:
    """How many seconds it took until the feed told of all of them."""
    begun, missing = monotonic(), set(ids)
    cursor: dict[str, str] = {}
    while missing:
        assert monotonic() - begun < DRAIN_SECONDS, f"{len(missing)} of {len(ids)} were never told"
        page = (await firm.ask("GET", "/v1/events", params={"limit": "100", **cursor})).json()
        cursor = {"after": page["next"]}
        missing -= {event["subject"] for event in page["items"]}
        if not page["items"]:
            await asyncio.sleep(0.2)
    return monotonic() - begun


async def test_what_is_said_while_no_broker_answers_is_taken_at_once_and_told_later(system: System) -> None:
    await system.kafka.broker(1).kill()
    await system.start_parts()
    async with httpx.AsyncClient(base_url=system.gateway, timeout=60) as http:
        firm = Firm(Client(http, Journal()), "firm", (-12.05, -77.03))
        await firm.join()
        at_the_start = await publish(firm, WRITES)
        await system.kafka.restart(1)
        await until_told(firm, at_the_start)

        await system.kafka.broker(1).kill()
        async with asyncio.timeout(AWAY_SECONDS * 15):
            in_the_middle = await publish(firm, WRITES)
            await asyncio.sleep(AWAY_SECONDS)  # how long it is away is what is tested, not something that is waited for
            in_the_middle |= await publish(firm, WRITES)
        await system.kafka.restart(1)
        await until_told(firm, in_the_middle)
