"""The part over a real PostgreSQL: one database, emptied for each test, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.catalogue import Catalogue, load_catalogue
from kit.bus import Bus
from kit.database import Sessions, create_engine, sessions_of
from kit.migrations import OWNER, ensure_roles, migrate
from services.listings.app import MIGRATIONS, create_app
from services.listings.rules import Rules
from services.listings.scheduler import Scheduler
from services.listings.settings import ListingsSettings
from tests.integration.listings.traders import NOW, TABLES, TOKEN, FakeClock, Trader, as_role, join
from tests.patience import UNHURRIED

Joins = Callable[..., Awaitable[Trader]]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
async def market(postgres_server: str) -> AsyncIterator[asyncpg.Connection]:
    """A database with the part's schema, as its superuser sees it."""
    name, admin = f"listings_{uuid4().hex}", await asyncpg.connect(postgres_server)
    await admin.execute(f'create database "{name}"')
    dsn = urlunsplit(urlsplit(postgres_server)._replace(path=f"/{name}"))
    await ensure_roles(dsn, {OWNER: OWNER, "listings": "listings"})
    await migrate(as_role(dsn, OWNER), MIGRATIONS)
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


@pytest.fixture(scope="session")
async def settings(postgres_server: str, market: asyncpg.Connection) -> ListingsSettings:
    name = await market.fetchval("select current_database()")
    dsn = as_role(urlunsplit(urlsplit(postgres_server)._replace(path=f"/{name}")), "listings")
    return ListingsSettings.model_validate(
        {"database_url": dsn, "internal_token": TOKEN, "token_secret": "t" * 32, "pool_size": 20} | UNHURRIED
    )


@pytest.fixture(scope="session")
async def engine(settings: ListingsSettings) -> AsyncIterator[AsyncEngine]:
    """Of the whole session: connecting anew for each test would take longer than most of them."""
    made = create_engine(settings, "listings")
    yield made
    await made.dispose()


@pytest.fixture(scope="session")
def part(settings: ListingsSettings, catalogue: Catalogue) -> FastAPI:
    """The part without its loops: a test that wants the relay or the scheduler runs it itself, when it says so."""
    return create_app(settings, cast(Bus, None), catalogue)


@pytest.fixture
async def dsn(settings: ListingsSettings, market: asyncpg.Connection) -> str:
    """An empty market, as the part's own role. Emptying takes a tenth of the time of a new database."""
    await market.execute("alter role listings password 'listings' connection limit -1")  # whatever another test has made of it
    await market.execute(f"truncate {', '.join(f'listings.{table}' for table in TABLES)} restart identity")
    return settings.database_url.get_secret_value()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def sessions(dsn: str, engine: AsyncEngine) -> Sessions:
    return sessions_of(engine)


@pytest.fixture
def app(part: FastAPI, sessions: Sessions, clock: FakeClock) -> FastAPI:
    part.state.sessions, part.state.clock = sessions, clock
    return part


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://listings") as client:
        yield client


@pytest.fixture
def joins(sessions: Sessions, http: httpx.AsyncClient) -> Joins:
    """Another organisation: of a kind, at a place."""

    async def joined(kind: str = "firm", **where: tuple[float, float]) -> Trader:
        return await join(sessions, http, kind, **where)

    return joined


@pytest.fixture
async def holder(joins: Joins) -> Trader:
    return await joins()


@pytest.fixture
async def seeker(joins: Joins) -> Trader:
    return await joins("cooperative")


@pytest.fixture
async def stranger(joins: Joins) -> Trader:
    return await joins()


@pytest.fixture
def scheduler(sessions: Sessions, catalogue: Catalogue, settings: ListingsSettings, clock: FakeClock) -> Scheduler:
    """The clocks of listings; they go when the test says `catch_up`."""
    return Scheduler(sessions, Rules(catalogue), settings, clock)
