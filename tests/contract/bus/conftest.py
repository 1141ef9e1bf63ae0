"""The adapters that the suite runs against."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from bus_adapters import BusAdapter, KafkaAdapter, PostgresAdapter, open_bus
from bus_readers import MakeTopic

from kit.bus import Bus, Topic
from kit.bus_postgres import MIGRATIONS
from kit.ids import new_id
from kit.migrations import OWNER, ensure_roles, migrate

SESSION_TIMEOUT_SECONDS = 10.0  # whoever pauses for longer, on a machine that does other things, is replaced
PASSWORD = "contract"


def as_role(dsn: str, role: str) -> str:
    """The same database, another role."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:{PASSWORD}@{parts.netloc.rpartition('@')[2]}"))


@pytest.fixture
async def postgres_adapter(empty_database: str) -> PostgresAdapter:
    """A fresh database with the bus's schema, reached by a role that is no superuser."""
    await ensure_roles(empty_database, {OWNER: PASSWORD, "reader": PASSWORD})
    owner = as_role(empty_database, OWNER)
    await migrate(owner, MIGRATIONS)
    return PostgresAdapter(owner, as_role(empty_database, "reader"), SESSION_TIMEOUT_SECONDS)


@pytest.fixture
async def kafka_adapter(kafka_servers: str) -> AsyncIterator[KafkaAdapter]:
    """The session's broker; topics have names of their own."""
    adapter = KafkaAdapter(kafka_servers, SESSION_TIMEOUT_SECONDS)
    yield adapter
    await adapter.stop()


@pytest.fixture(params=["postgres_adapter", "kafka_adapter"])
def adapter(request: pytest.FixtureRequest) -> BusAdapter:
    """Each adapter in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
async def bus(adapter: BusAdapter) -> AsyncIterator[Bus]:
    """A started bus."""
    opened = open_bus(adapter.specification)
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
def make_topic(adapter: BusAdapter) -> MakeTopic:
    """Makes a topic with so many partitions; the answer is its name."""

    async def make(partitions: int) -> str:
        name = f"contract.{new_id().hex}"
        await adapter.make_topic(Topic(name, partitions))
        return name

    return make
