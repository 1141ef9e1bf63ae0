"""A database with the bus and one service's schema (`shop`), reached by roles that are no superusers; a broker that may be killed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from kit_shop import SHOP, TOPIC, Shop, as_role

from infra.kafka import KafkaCluster
from kit.bus import Topic
from kit.bus_kafka import KafkaBus, KafkaTimeouts
from kit.bus_kafka import ensure_topics as ensure_kafka_topics
from kit.bus_postgres import MIGRATIONS, PostgresBus, ensure_topics
from kit.ids import new_id
from kit.migrations import OWNER, MigrationSet, ensure_roles, migrate


@pytest.fixture
async def shop(empty_database: str, tmp_path: Path) -> Shop:
    """The schemas `bus` and `shop`, and one topic of four partitions."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_first.py").write_text(SHOP)
    shop = Shop(empty_database, as_role(empty_database, OWNER), as_role(empty_database, "shop"), MigrationSet("shop", "shop", folder))
    await ensure_roles(shop.admin, {OWNER: "secret", "shop": "secret", "stranger": "secret"})
    await migrate(shop.owner, MIGRATIONS)
    await migrate(shop.owner, shop.migrations)
    connection = await asyncpg.connect(shop.owner)
    await ensure_topics(connection, [Topic(TOPIC, 4)])
    await connection.close()
    return shop


@pytest.fixture
async def bus(shop: Shop) -> AsyncIterator[PostgresBus]:
    """Started, as the service's role."""
    opened = PostgresBus(shop.service, session_timeout_seconds=30)
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
async def pool(shop: Shop) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    """The service's connections."""
    opened = await asyncpg.create_pool(shop.service, min_size=1, max_size=12)
    yield opened
    await opened.close()


@pytest.fixture
async def owner(shop: Shop) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection of the owner role."""
    connection = await asyncpg.connect(shop.owner)
    yield connection
    await connection.close()


@pytest.fixture
async def kafka_bus(broker: KafkaCluster) -> AsyncIterator[KafkaBus]:
    """Started, with a short patience."""
    opened = KafkaBus(broker.servers, timeouts=KafkaTimeouts(session_seconds=10, rebalance_seconds=15, request_seconds=20, send_seconds=15))
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
async def kafka_topic(broker: KafkaCluster) -> str:
    """A new topic of four partitions."""
    name = f"shop.{new_id().hex}"
    await ensure_kafka_topics(broker.servers, [Topic(name, 4)])
    return name
