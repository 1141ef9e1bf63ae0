"""Listings: organisations, sites, offers, wants, deals; the one owner of quantities."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI, Request
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from contracts.catalogue import Catalogue
from kit.bus import Bus
from kit.clock import Clock, system_clock
from kit.database import Sessions, create_engine, create_pool, sessions_of
from kit.migrations import MigrationSet
from kit.relay import Relay
from kit.running import running
from kit.tokens import Tokens
from kit.transient import backoff_seconds, is_transient
from kit.web import create_part, health_routes
from services.listings.constraints import answer_breach
from services.listings.routes import accounts, deals, listings, materials, sites, snapshot, spreadsheets
from services.listings.rules import Rules
from services.listings.scheduler import Scheduler
from services.listings.service.renewal import renew_listings
from services.listings.settings import ListingsSettings

log = structlog.get_logger()
NAME = "listings"
TRIES = 5
MIGRATIONS = MigrationSet(NAME, NAME, Path(__file__).with_name("migrations"))
ROUTERS = (
    accounts.entrance,
    accounts.router,
    accounts.internal,
    sites.router,
    materials.router,
    spreadsheets.imports,
    spreadsheets.exports,
    listings.offers,
    listings.wants,
    deals.router,
    deals.internal,
    snapshot.router,
    snapshot.internal,
)


def create_app(settings: ListingsSettings, bus: Bus, catalogue: Catalogue, clock: Clock = system_clock) -> FastAPI:
    """The part, ready to be served; its lifespan owns the connections and the relay."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = create_engine(settings, NAME)
        pool = await create_pool(settings, f"{NAME}-relay", size=3)
        app.state.sessions = sessions_of(engine)
        try:
            await renew(app.state.sessions, app.state.rules, clock)
            async with running(Relay(pool, bus, NAME).run(), Scheduler(app.state.sessions, app.state.rules, settings, clock).run()):
                yield
        finally:
            await pool.close()
            await engine.dispose()

    app = create_part(NAME, lifespan, (*ROUTERS, health_routes(_is_ready)), settings.internal_token.get_secret_value(), clock)
    app.add_exception_handler(IntegrityError, answer_breach)
    app.state.rules, app.state.tokens = Rules(catalogue), Tokens(settings.token_secret.get_secret_value())
    return app


async def renew(sessions: Sessions, rules: Rules, clock: Clock) -> None:
    """Listings as the catalogue is now, before anybody reads them. Raises CatalogueError where it lacks what they need."""
    for attempt in range(1, TRIES + 1):
        try:
            async with sessions.begin() as session:
                await renew_listings(session, rules, clock())
            return
        except Exception as error:
            if attempt == TRIES or not is_transient(error):
                raise
            log.warning("the catalogue's renewal waits for the database", error=type(error).__name__)
            await asyncio.sleep(backoff_seconds(attempt))


async def _is_ready(request: Request) -> bool:
    async with asyncio.timeout(2), request.app.state.sessions() as session:
        return bool((await session.execute(text("select 1"))).scalar_one() == 1)
