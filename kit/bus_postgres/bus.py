"""The PostgreSQL adapter of the bus port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from kit.bus import Consumer, Listener, Message, Publish, Record, TopicPartition, UnknownTopicError
from kit.bus_postgres import log
from kit.bus_postgres.consumer import PostgresConsumer
from kit.bus_postgres.topics import partition_counts

BROWSE_PAGE = 500


class PostgresBus:
    """`dsn` is that of a role in the bus's group. Each consumer holds a connection of its own; all else shares a pool of two."""

    joins_transactions = True

    def __init__(
        self, dsn: str, *, name: str = "bus", session_timeout_seconds: float = 10.0, statement_timeout_seconds: float = 10.0
    ) -> None:
        """A member that runs no statement for `session_timeout_seconds` is taken for dead and loses its partitions."""
        self._dsn, self._name = dsn, name
        self._session_timeout_seconds = session_timeout_seconds
        self._statement_timeout_seconds = statement_timeout_seconds
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._counts: dict[str, int] = {}

    async def start(self) -> None:
        """Connect. Harmless when repeated."""
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=1,
                max_size=2,
                timeout=5,
                command_timeout=self._statement_timeout_seconds,
                server_settings={"application_name": self._name, "jit": "off", "timezone": "UTC"},
            )

    async def stop(self) -> None:
        """Disconnect. Harmless when repeated."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def publish(self, batch: Sequence[Message], *, connection: asyncpg.Connection[asyncpg.Record] | None = None) -> None:
        """As the port says; with a connection, the batch is part of its transaction and visible when that commits."""
        if not batch:
            return
        if connection is not None:
            await log.append(connection, batch, await self._known({message.topic for message in batch}, connection))
            return
        async with self._started().acquire() as own, own.transaction():
            await self.publish(batch, connection=own)

    @asynccontextmanager
    async def publisher(self, name: str) -> AsyncIterator[Publish]:
        """As the port says: what it publishes joins the transaction of the connection that holds the lock, and ends with it."""
        yield self.publish

    def consumer(self, group: str, topics: Sequence[str], listener: Listener | None = None) -> Consumer:
        """A new member, not started."""
        return PostgresConsumer(self._dsn, group, tuple(topics), listener, self._session_timeout_seconds)

    async def browse(self, topic: str) -> AsyncIterator[Record]:
        """As the port says. Read in pages, so that no transaction stays open between two records."""
        async with self._started().acquire() as connection:
            count = (await self._known({topic}, connection)).get(topic)
        if count is None:
            raise UnknownTopicError(f"no topic {topic}")
        for partition in range(count):
            async for record in self._browse(TopicPartition(topic, partition)):
                yield record

    async def _browse(self, partition: TopicPartition) -> AsyncIterator[Record]:
        async with self._started().acquire() as connection:
            end = (await log.end_positions(connection, [partition]))[partition]
        position = 0
        while position < end:
            async with self._started().acquire() as connection:
                found = await log.read(connection, {partition: position}, BROWSE_PAGE)
            page = [record for record in found.get(partition, []) if record.position < end]
            for record in page:
                yield record
            position = page[-1].position + 1 if page else end

    async def _known(self, topics: set[str], connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, int]:
        """Partition counts never change, so they are looked up once, and again only for a topic that was not there."""
        if not topics <= self._counts.keys():
            self._counts = await partition_counts(connection)
        return self._counts

    def _started(self) -> asyncpg.Pool[asyncpg.Record]:
        if self._pool is None:
            raise RuntimeError("the bus is not started")
        return self._pool
