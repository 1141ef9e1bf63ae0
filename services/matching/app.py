"""Matching: the standing market, scored and ranked; who is told; and the door through which matches are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request

from contracts.catalogue import Catalogue
from contracts.countries import country
from contracts.topics import STANDING, dead_letters_of
from kit.bus import Bus
from kit.clock import Clock, system_clock
from kit.consumer import ConsumerLoop
from kit.crashing import crash_in
from kit.database import create_pool
from kit.forwarding import Part
from kit.migrations import MigrationSet
from kit.relay import Relay
from kit.running import running
from kit.web import create_part, health_routes
from services.matching.asking import Desk
from services.matching.bucket import Rulebook
from services.matching.calls import Listings
from services.matching.listing import Finder
from services.matching.ownership import Ownership
from services.matching.peers import Peers
from services.matching.reactions import StandingHandler
from services.matching.routes import internal, router
from services.matching.settings import MatchingSettings

NAME = "matching"
MIGRATIONS = MigrationSet(NAME, NAME, Path(__file__).with_name("migrations"))


def create_app(
    settings: MatchingSettings,
    bus: Bus,
    catalogue: Catalogue,
    listings: Part,
    clock: Clock = system_clock,
    part_at: Callable[[str], Part] | None = None,
) -> FastAPI:
    """The part, ready to be served; its lifespan owns the connections, the relay and the consumer.

    part_at: the process of matching at an address (`MatchingSettings.address` of that process); None where this one is alone."""
    token = settings.internal_token.get_secret_value()
    calls = Listings(listings, token)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = await create_pool(settings, NAME)
        ownership = Ownership(pool, Rulebook(catalogue, country()), settings.address)
        handler = StandingHandler(pool, ownership, clock, crash_in("matching.handle"))
        consumer = ConsumerLoop(bus, NAME, [STANDING], handler, listener=ownership, dead_letter_topic=dead_letters_of(NAME))
        app.state.pool = pool
        app.state.finder = Finder(pool, ownership.rulebook, calls)
        app.state.desk = Desk(ownership, calls, Peers(part_at, token), settings)
        try:
            async with running(Relay(pool, bus, NAME).run(), consumer.run()):
                yield
        finally:
            await pool.close()

    return create_part(NAME, lifespan, (router, internal, health_routes(_is_ready)), token, clock)


async def _is_ready(request: Request) -> bool:
    async with asyncio.timeout(2):
        return bool(await request.app.state.pool.fetchval("select 1") == 1)
