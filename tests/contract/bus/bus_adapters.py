"""What the contract suite needs of each adapter, beside the port. A new adapter is one more class here and one more name in conftest.py.

Also imported by bus_member.py, which runs in a process of its own: `specification` is all that it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg
from aiokafka import AIOKafkaProducer

from kit.bus import Bus, Message, Topic
from kit.bus_kafka import KafkaBus, KafkaTimeouts
from kit.bus_kafka import ensure_topics as ensure_kafka_topics
from kit.bus_postgres import PostgresBus, ensure_topics


class BusAdapter(Protocol):
    """One kind of bus, running."""

    @property
    def specification(self) -> dict[str, Any]:
        """What `open_bus` needs in another process."""

    async def make_topic(self, topic: Topic) -> None:
        """Make it, or refuse: TopicMismatchError."""

    async def publish_in_vain(self, bus: Bus, batch: Sequence[Message]) -> None:
        """Publish and give up: nothing of the batch may ever be read."""


class PostgresAdapter:
    """A database with the schema `bus`."""

    def __init__(self, owner_dsn: str, member_dsn: str, session_timeout_seconds: float) -> None:
        """`member_dsn`: a role in the bus's group, no superuser."""
        self._owner_dsn = owner_dsn
        self._member_dsn = member_dsn
        self.specification = {"adapter": "postgres", "dsn": member_dsn, "session_timeout_seconds": session_timeout_seconds}

    async def make_topic(self, topic: Topic) -> None:
        """By the owner role."""
        connection = await asyncpg.connect(self._owner_dsn)
        try:
            await ensure_topics(connection, [topic])
        finally:
            await connection.close()

    async def publish_in_vain(self, bus: Bus, batch: Sequence[Message]) -> None:
        """In a transaction that is rolled back."""
        connection = await asyncpg.connect(self._member_dsn)
        try:
            transaction = connection.transaction()
            await transaction.start()
            await bus.publish(batch, connection=connection)
            await transaction.rollback()
        finally:
            await connection.close()


class KafkaAdapter:
    """A cluster of real brokers."""

    def __init__(self, servers: str, session_timeout_seconds: float) -> None:
        """`servers`: as a client is told."""
        self._servers = servers
        self._vain: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()
        self.specification = {"adapter": "kafka", "servers": servers, "session_timeout_seconds": session_timeout_seconds}

    async def make_topic(self, topic: Topic) -> None:
        """As `ayni topics apply` does."""
        await ensure_kafka_topics(self._servers, [topic])

    async def publish_in_vain(self, _: Bus, batch: Sequence[Message]) -> None:
        """In a transaction that is aborted when the broker has all of it."""
        async with self._turn:
            if self._vain is None:
                self._vain = AIOKafkaProducer(bootstrap_servers=self._servers, transactional_id=f"vain.{id(self)}")
                await self._vain.start()
            await self._vain.begin_transaction()
            for one in batch:
                await self._vain.send_and_wait(one.topic, one.value, one.key.encode(), one.partition)
            await self._vain.abort_transaction()

    async def stop(self) -> None:
        """Disconnect."""
        if self._vain is not None:
            await self._vain.stop()


def open_bus(specification: dict[str, Any]) -> Bus:
    """A bus of the adapter that was specified, not started."""
    given = dict(specification)
    if given.pop("adapter") == "postgres":
        return PostgresBus(given.pop("dsn"), **given)
    session = given["session_timeout_seconds"]
    return KafkaBus(given["servers"], timeouts=KafkaTimeouts(session, rebalance_seconds=60, request_seconds=70, send_seconds=30))
