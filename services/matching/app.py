"""Matching: the standing market, scored and ranked; who is told; and the door through which matches are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import structlog
from fastapi import FastAPI, Request

from contracts.catalogue import Catalogue
from contracts.countries import country
from contracts.envelope import EVENT_TYPES, UnknownEventTypeError
from contracts.topics import STANDING, dead_letters_of
from kit.bus import Bus
from kit.clock import Clock, system_clock
from kit.consumer import ConsumerLoop
from kit.crashing import crash_in
from kit.database import create_pool
from kit.forwarding import Part
from kit.inbox import prune_inbox
from kit.migrations import MigrationSet
from kit.parking import keep_taking_up
from kit.relay import Relay
from kit.running import running
from kit.transient import is_transient
from kit.web import create_part, health_routes
from services.matching.asking import Desk
from services.matching.bucket import Rulebook
from services.matching.calls import Listings
from services.matching.exports import router as exports
from services.matching.listing import Finder
from services.matching.ownership import Ownership
from services.matching.peers import Peers
from services.matching.reactions import StandingHandler
from services.matching.routes import internal, router
from services.matching.settings import MatchingSettings
from services.matching.vigil import Vigil

log = structlog.get_logger()
NAME = "matching"
PRUNE_SECONDS = 600.0
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
        peers = Peers(part_at, token)
        app.state.desk, vigil = Desk(ownership, calls, peers, settings), Vigil(ownership, peers, settings)
        try:
            parked = keep_taking_up(bus, dead_letters_of(NAME), UnknownEventTypeError, EVENT_TYPES)
            async with running(Relay(pool, bus, NAME).run(), consumer.run(), parked, vigil.run(), _forget_for_ever(pool)):
                yield
        finally:
            await pool.close()

    return create_part(NAME, lifespan, (exports, router, internal, health_routes(_is_ready)), token, clock)


async def _forget_for_ever(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    """Marks of events that the bus can no longer deliver."""
    while True:
        try:
            async with pool.acquire() as connection:
                await prune_inbox(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if not is_transient(error):
                raise
            log.warning("pruning waits for the database", error=type(error).__name__)
        await asyncio.sleep(PRUNE_SECONDS)


async def _is_ready(request: Request) -> bool:
    async with asyncio.timeout(2):
        return bool(await request.app.state.pool.fetchval("select 1") == 1)
