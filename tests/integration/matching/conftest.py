"""Matching's tables and the bus in one real database; owners come and go in the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

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


@pytest.fixture
async def dsn(empty_database: str) -> str:
    """A database with matching's schema and every topic, as matching's own role."""
    owner = as_role(empty_database, OWNER)
    await ensure_roles(empty_database, {OWNER: OWNER, "matching": "matching"})
    await migrate(owner, BUS_MIGRATIONS)
    await migrate(owner, MIGRATIONS)
    connection = await asyncpg.connect(owner)
    await ensure_topics(connection, [Topic(one.name, one.partitions, one.retention_hours, one.is_compacted) for one in TOPICS])
    await connection.close()
    return as_role(empty_database, "matching")


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
