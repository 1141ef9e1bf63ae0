"""The Kafka adapter of the bus port.

Load-bearing: partitions are chosen here, by `partition_of` and the topic's count, and never by the client: so a topic that was given more
partitions is refused, and does not move keys silently.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer

from kit.bus import Consumer, Listener, Message, Publish, Record, Topic, UnknownTopicError, partition_of
from kit.bus_kafka import producer as producing
from kit.bus_kafka.browsing import browse
from kit.bus_kafka.connection import Connection, KafkaTimeouts, WrongClusterError
from kit.bus_kafka.consumer import KafkaConsumer
from kit.bus_kafka.quiet import quieten
from kit.bus_kafka.topics import check_counts, look

log = structlog.get_logger(__name__)


class KafkaBus:
    """One process's way to the cluster. Nothing is connected before it is needed, so a part starts while no broker answers."""

    joins_transactions = False

    def __init__(
        self,
        servers: str,
        *,
        name: str = "ayni",
        topics: Iterable[Topic] = (),
        timeouts: KafkaTimeouts | None = None,
        instance: str | None = None,
        cluster_id: str | None = None,
        credentials: Mapping[str, Any] | None = None,
    ) -> None:
        """servers: `host:port`, with commas. topics: the table that the cluster's must agree with. cluster_id: the only one that will do.
        instance: makes the consumers static members, one of this name a group: one that is back within the session has its partitions again
        without a rebalance. credentials: in aiokafka's words."""
        self._connection = Connection(servers, name, timeouts or KafkaTimeouts(), credentials or {})
        self._topics, self._instance, self._cluster_id = tuple(topics), instance, cluster_id
        self._counts: dict[str, int] = {}
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()

    async def start(self) -> None:
        """Refuses a cluster that does not fit: TopicMismatchError, WrongClusterError. One that does not answer may come up later."""
        quieten()
        try:
            await self.check()
        except OSError as error:
            log.warning("kafka.unreachable_at_start", servers=self._connection.servers, cause=str(error))

    async def stop(self) -> None:
        """Disconnect. Harmless when repeated."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producing.close(producer)

    async def publish(self, batch: Sequence[Message], *, connection: asyncpg.Connection[asyncpg.Record] | None = None) -> None:
        """As the port says; no connection can be joined. One that takes too long is given up, with its producer."""
        if not batch:
            return
        placed = await self._placed(batch)
        producer = await self._shared_producer()
        try:
            async with producing.in_time(self._connection):
                await producing.deliver(producer, placed)
        except BaseException:
            if self._producer is producer:
                self._producer = None
            await producing.discard(producer)
            raise

    @asynccontextmanager
    async def publisher(self, name: str) -> AsyncIterator[Publish]:
        """As the port says: `name` is the producer's transactional id, a batch is a transaction."""
        await self.check()
        producer = await producing.opened(self._connection, name)
        publisher = Publisher(self, producer)
        try:
            yield publisher.publish
        finally:
            if publisher.is_open:
                await producing.abort(producer)
            await producing.discard(producer)

    def consumer(self, group: str, topics: Sequence[str], listener: Listener | None = None) -> Consumer:
        """A new member, not started."""
        return KafkaConsumer(self._connection, group, tuple(topics), listener, self.check, self._instance)

    async def browse(self, topic: str) -> AsyncIterator[Record]:
        """As the port says."""
        await self.check([topic])
        async for record in browse(self._connection, topic, self._counts[topic]):
            yield record

    async def check(self, topics: Collection[str] = ()) -> None:
        """The cluster is the right one and has these topics. Looked at whenever a consumer or a publisher is made, for what answers at an
        address may be another cluster by then. Raises UnknownTopicError, TopicMismatchError, WrongClusterError, OSError."""
        view = await look(self._connection)
        if self._cluster_id not in (None, view.cluster_id):
            raise WrongClusterError(
                f"Kafka at {self._connection.servers} is the cluster {view.cluster_id}, and this part was made for {self._cluster_id}:"
                " its topics and positions are there"
            )
        check_counts(self._topics, view.partitions)
        self._counts = dict(view.partitions)
        if missing := set(topics) - self._counts.keys():
            raise UnknownTopicError(
                f"no topic {', '.join(sorted(missing))} in Kafka: topics are made before they are used (ayni topics apply)"
            )

    async def _placed(self, batch: Sequence[Message]) -> producing.Placed:
        """Each message with its partition; the whole batch is refused where one has none."""
        topics = {message.topic for message in batch}
        if not topics <= self._counts.keys():
            await self.check(topics)
        return [(message, self._partition(message)) for message in batch]

    def _partition(self, message: Message) -> int:
        count = self._counts[message.topic]
        if message.partition is None:
            return partition_of(message.key, count)
        if not 0 <= message.partition < count:
            raise UnknownTopicError(f"no partition {message.partition} in topic {message.topic}, which has {count}")
        return message.partition

    async def _shared_producer(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                self._producer = await producing.opened(self._connection)
            return self._producer


class Publisher:
    """One opening of the publisher of a name. After any error it is spent: whether its last batch was committed may be unknown."""

    def __init__(self, bus: KafkaBus, producer: AIOKafkaProducer) -> None:
        self._bus, self._producer = bus, producer
        self._is_spent = False
        self.is_open = False

    async def publish(self, batch: Sequence[Message], *, connection: asyncpg.Connection[asyncpg.Record] | None = None) -> None:
        """One transaction."""
        if self._is_spent:
            raise RuntimeError("this publisher has failed before: it has to be opened anew")
        if not batch:
            return
        placed = await self._bus._placed(batch)
        self._is_spent = self.is_open = True
        async with producing.in_time(self._bus._connection):
            await self._producer.begin_transaction()
            await producing.deliver(self._producer, placed)
            await self._producer.commit_transaction()
        self._is_spent = self.is_open = False
