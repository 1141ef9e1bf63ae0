"""The bus port: what a log of ordered partitions does, whichever server keeps it.

Load-bearing: `partition_of` is Kafka's own default (murmur2 over the UTF-8 key), so that both adapters, and any client that is
not ours, put a key into the same partition. What one server cannot do is not in this port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import asyncpg


@dataclass(frozen=True, slots=True, order=True)
class TopicPartition:
    """One ordered log. Numbered from 0."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's shape. `retention_hours` None keeps for ever; of a compacted topic the last record of every key is kept for ever."""

    name: str
    partitions: int
    retention_hours: int | None = None
    is_compacted: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What is published. `partition` None: chosen by the key."""

    topic: str
    partition: int | None
    key: str
    headers: Mapping[str, str]
    value: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """What is read. Positions of a partition grow in commit order and may have gaps; `time` is when the bus stored it."""

    topic: str
    partition: int
    position: int
    key: str
    headers: Mapping[str, str]
    value: bytes
    time: datetime

    @property
    def source(self) -> TopicPartition:
        """The partition it was read from."""
        return TopicPartition(self.topic, self.partition)


class UnknownTopicError(LookupError):
    """A topic, or a partition of one, that the bus does not have: topics are created explicitly."""


class TopicMismatchError(RuntimeError):
    """A topic exists with another number of partitions: keys would move, and order with them."""


class PublisherFencedError(RuntimeError):
    """Another process has opened the publisher of this name since: this one can publish no more, and what it had not finished is void."""


class CommitFailedError(RuntimeError):
    """A commit for partitions that this member does not own (any more). Their records come again, to their owner."""


class Listener(Protocol):
    """Told of ownership. Both calls may name partitions that the member had before (a server may take all and give most back)."""

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Awaited before any record of these partitions is delivered."""

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Awaited before another member can get them where the change is orderly; afterwards where the member was cut off."""


class Consumer(Protocol):
    """One member of a group. A group without committed positions begins at the oldest record."""

    async def start(self) -> None:
        """Join. Raises UnknownTopicError, OSError while the server cannot be reached."""

    async def stop(self) -> None:
        """Tell `revoked`, leave the group. Harmless when repeated."""

    async def poll(self, timeout_seconds: float, max_records: int) -> dict[TopicPartition, list[Record]]:
        """The next records, in order in each partition; empty after the timeout. Must be called again and again: rebalances
        may happen here.

        Raises OSError and the server's own errors while it cannot be reached; the next call joins again, after `revoked` was told."""

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """The next position to read of each partition. Raises CommitFailedError where any of them is not this member's."""

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Deliver nothing of these until resumed or assigned anew. What is not assigned is ignored: it may have just been revoked."""

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """End a pause."""

    def seek(self, partition: TopicPartition, position: int) -> None:
        """Read on from here. Ignored where the partition is not assigned."""

    async def end_positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The position after the last record of each."""

    def assignment(self) -> frozenset[TopicPartition]:
        """What this member believes to own now."""


class Publish(Protocol):
    """What publishes."""

    async def __call__(self, batch: Sequence[Message], *, connection: asyncpg.Connection[asyncpg.Record] | None = None) -> None:
        """See Bus.publish."""


class Bus(Protocol):
    """Publishing, consuming, browsing."""

    @property
    def joins_transactions(self) -> bool:
        """Whether `publish` becomes part of the transaction of the connection it is given."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect. Consumers are stopped by whoever started them."""

    async def publish(self, batch: Sequence[Message], *, connection: asyncpg.Connection[asyncpg.Record] | None = None) -> None:
        """All of the batch, in its order in each partition; returns when it is durable (on a joined connection: when that commits).

        Raises UnknownTopicError. After any other error some of it may have been published."""

    def publisher(self, name: str) -> AbstractAsyncContextManager[Publish]:
        """The one publisher of that name. From when it is open, nothing of an earlier one is published any more, wherever that one runs
        and however long it stood still: its calls raise PublisherFencedError, or fail with the connection that they join.

        A batch is read whole or not at all. After an error it is spent: leave the block, and open it anew."""

    def consumer(self, group: str, topics: Sequence[str], listener: Listener | None = None) -> Consumer:
        """A new member, not started."""

    def browse(self, topic: str) -> AsyncIterator[Record]:
        """Every record the topic holds now, partition by partition, outside any group. Raises UnknownTopicError."""


def partition_of(key: str, partitions: int) -> int:
    """Where a key belongs, as Kafka's default partitioner says (org.apache.kafka.common.utils.Utils)."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Austin Appleby's MurmurHash2, 32 bits, with Kafka's seed, as an unsigned number."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    value = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        value = value * multiplier & mask ^ word
    if rest := data[whole:]:
        value = (value ^ int.from_bytes(rest, "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return value ^ value >> 15
