"""Processes of matching on ports of their own, in this one: the real app, the real bus, real HTTP between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx
from fastapi import FastAPI

from contracts.envelope import Event
from infra.embedded.composition import Part as Placed
from infra.embedded.door import bind, served
from infra.embedded.patience import Patience
from kit.bus_postgres import PostgresBus
from kit.forwarding import AsgiPart
from kit.forwarding_http import HttpParts
from services.matching.app import create_app
from services.matching.asking import Desk
from services.matching.ownership import Ownership
from services.matching.settings import MatchingSettings
from tests.integration.matching.neighbours import TOKEN, Listings, Member
from tests.integration.matching.owners import Standing
from tests.patience import until_found
from tests.unit.matching.trading import CATALOGUE, NOW

SECONDS_TO_STOP = 5.0
PATIENT = {"waits_for_listing_seconds": 30, "waits_for_owner_seconds": 60, "waits_for_answer_seconds": 30}  # a test machine may be slow


@dataclass
class Process:
    """One of them, and a client of it."""

    address: str
    app: FastAPI
    http: httpx.AsyncClient
    stack: AsyncExitStack

    @property
    def desk(self) -> Desk:
        desk: Desk = self.app.state.desk
        return desk

    @property
    def ownership(self) -> Ownership:
        return self.desk.ownership

    def member(self, organisation_id: UUID) -> Member:
        return Member(self.http, organisation_id)

    async def stop(self) -> None:
        """In an orderly way. Harmless when repeated."""
        await self.stack.aclose()


@dataclass
class Market:
    """The processes, what they hear, and the listings that they ask."""

    standing: Standing
    listings: Listings
    stack: AsyncExitStack

    async def process(self, **settings: float) -> Process:
        """One more, more patient than in production unless told otherwise; it has partitions when this returns."""
        stack = AsyncExitStack()
        self.stack.push_async_callback(stack.aclose)
        listener = stack.enter_context(bind(0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        given = {"database_url": self.standing.dsn, "internal_token": TOKEN, "pool_size": 6, "address": address}
        bus = PostgresBus(self.standing.dsn, session_timeout_seconds=30)
        await bus.start()
        stack.push_async_callback(bus.stop)
        others = await stack.enter_async_context(HttpParts())
        app = create_app(
            MatchingSettings.model_validate(given | PATIENT | settings),
            bus,
            CATALOGUE,
            AsgiPart(self.listings.app()),
            lambda: NOW,
            part_at=others.at,
        )
        await stack.enter_async_context(served(Placed("matching", app), listener, Patience(SECONDS_TO_STOP)))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=120))
        process = Process(address, app, http, stack)

        async def has_partitions() -> bool:
            return bool(process.ownership.markets)

        await until_found(has_partitions, f"{address} owns something")
        return process

    async def stranger(self) -> str:
        """The address of a part that is not matching."""
        listener = self.stack.enter_context(bind(0))
        await self.stack.enter_async_context(served(Placed("listings", self.listings.app()), listener, Patience(SECONDS_TO_STOP)))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    async def shared(self, *processes: Process) -> None:
        """Waits until they have all partitions, each an equal part."""

        async def is_shared() -> bool:
            counts = [len(process.ownership.markets) for process in processes]
            return sum(counts) == 64 and max(counts) - min(counts) <= 1

        await until_found(is_shared, "the partitions are shared")

    async def publish(self, *events: Event) -> None:
        """As listings does, which knows of them at once."""
        for event in events:
            await self.standing.publish(event, partitions=self.listings.hear(event))


@asynccontextmanager
async def opened(standing: Standing) -> AsyncIterator[Market]:
    """Everything is stopped at the end."""
    async with AsyncExitStack() as stack:
        yield Market(standing, Listings(), stack)
