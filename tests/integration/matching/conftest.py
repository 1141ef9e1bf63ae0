"""Matching's tables and the bus in one real database; owners come and go in the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from contracts.topics import TOPICS
from kit.bus import Topic
from kit.bus_postgres import MIGRATIONS as BUS_MIGRATIONS
from kit.bus_postgres import ensure_topics
from kit.migrations import OWNER, ensure_roles, migrate
from services.matching.app import MIGRATIONS
from tests.integration.matching.owners import Standing, as_role, open_standing
from tests.integration.matching.processes import Market, opened

ROLES = {OWNER: OWNER, "matching": "matching"}


@asynccontextmanager
async def database(server: str, template: str | None = None) -> AsyncIterator[str]:
    """A new database, dropped with whoever is still in it; the DSN of a superuser."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(f'create database "{name}"' + (f' template "{template}"' if template else ""))
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        await admin.execute(f'drop database "{name}" with (force)')
    finally:
        await admin.close()


@pytest.fixture(scope="session")
async def template(postgres_server: str) -> AsyncIterator[str]:
    """The name of a database with matching's schema and every topic, which is copied for each test."""
    async with database(postgres_server) as made:
        owner = as_role(made, OWNER)
        await ensure_roles(made, ROLES)
        await migrate(owner, BUS_MIGRATIONS)
        await migrate(owner, MIGRATIONS)
        connection = await asyncpg.connect(owner)
        await ensure_topics(connection, [Topic(one.name, one.partitions, one.retention_hours, one.is_compacted) for one in TOPICS])
        await connection.close()
        yield urlsplit(made).path[1:]


@pytest.fixture
async def admin_dsn(postgres_server: str, template: str) -> AsyncIterator[str]:
    """A database of one test's own, as a superuser. Roles are the server's: others may have given them other passwords."""
    async with database(postgres_server, template) as made:
        await ensure_roles(made, ROLES)
        yield made


@pytest.fixture
def dsn(admin_dsn: str) -> str:
    """The same, as matching's own role."""
    return as_role(admin_dsn, "matching")


@pytest.fixture
async def standing(dsn: str) -> AsyncIterator[Standing]:
    """The topic `ayni.standing`, and owners of it. Logs are not rendered: a catalogue among the locals takes seconds."""
    with capture_logs():
        async with AsyncExitStack() as stack:
            yield await open_standing(dsn, stack)


@pytest.fixture
async def market(standing: Standing) -> AsyncIterator[Market]:
    """Processes of matching, to be begun by the tests."""
    async with opened(standing) as market:
        yield market
