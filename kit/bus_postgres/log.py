"""Appending to the log and reading from it.

Load-bearing: positions are taken from the partition's row under its lock, which is held until the commit. So position order is commit
order, and a reader that sees a position sees every lower one. The rows are locked in one order, or two batches could wait for
each other.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

import asyncpg

from kit.bus import Message, Record, TopicPartition, UnknownTopicError, partition_of

APPENDED = "bus_appended"  # NOTIFY channel; the payload is a topic and the partitions that grew: "ayni.offers:1,5"

_APPEND = """
    with incoming as (
        select * from unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::bytea[])
            with ordinality as message (topic, partition, key, headers, value, ordinal)
    ), counts as (
        select topic, partition, count(*) as messages from incoming group by topic, partition
    ), locked as (
        select part.topic, part.partition, counts.messages
        from bus.partitions part join counts using (topic, partition)
        order by part.topic, part.partition for update of part
    ), advanced as (
        update bus.partitions part set next_position = part.next_position + locked.messages
        from locked where part.topic = locked.topic and part.partition = locked.partition
        returning part.topic, part.partition, part.next_position - locked.messages as first_position
    ), appended as (
        insert into bus.log (topic, partition, position, key, headers, value, time)
        select topic, partition,
               first_position + row_number() over (partition by topic, partition order by ordinal) - 1,
               key, headers::jsonb, value, clock_timestamp()
        from incoming join advanced using (topic, partition)
        returning 1
    ), told as (
        select pg_notify('bus_appended', case when length(grown) < 7000 then grown else topic || ':' end)
        from (select topic, topic || ':' || string_agg(partition::text, ',') as grown from advanced group by topic) as topics
    )
    select (select count(*) from appended) as appended, (select count(*) from told) as told
"""
_READ = """
    select entry.*
    from unnest($1::text[], $2::int[], $3::bigint[]) with ordinality as wanted (topic, partition, position, ordinal)
    cross join lateral (
        select * from bus.log
        where log.topic = wanted.topic and log.partition = wanted.partition and log.position >= wanted.position
        order by log.position limit $4
    ) as entry
    order by wanted.ordinal, entry.position
"""
_ENDS = """
    select topic, partition, next_position
    from bus.partitions join unnest($1::text[], $2::int[]) as wanted (topic, partition) using (topic, partition)
"""


async def append(connection: asyncpg.Connection[asyncpg.Record], batch: Sequence[Message], counts: Mapping[str, int]) -> None:
    """One statement, whatever the size of the batch; it becomes visible with the transaction around it.

    `counts`: partitions of every topic. Raises UnknownTopicError before anything is written."""
    row = await connection.fetchrow(
        _APPEND,
        [message.topic for message in batch],
        [place(message, counts) for message in batch],
        [message.key for message in batch],
        [json.dumps(dict(message.headers)) for message in batch],
        [message.value for message in batch],
    )
    if row is None or row["appended"] != len(batch):
        raise UnknownTopicError("the bus has lost a topic that it had: the batch is not published")


def place(message: Message, counts: Mapping[str, int]) -> int:
    """The message's partition. Raises UnknownTopicError."""
    count = counts.get(message.topic)
    if count is None:
        raise UnknownTopicError(f"no topic {message.topic}: topics are made before they are used")
    partition = partition_of(message.key, count) if message.partition is None else message.partition
    if not 0 <= partition < count:
        raise UnknownTopicError(f"topic {message.topic} has partitions 0 to {count - 1}, not {partition}")
    return partition


async def read(
    connection: asyncpg.Connection[asyncpg.Record], positions: Mapping[TopicPartition, int], limit: int
) -> dict[TopicPartition, list[Record]]:
    """Up to `limit` records of each partition, from its position on; partitions without any are left out."""
    rows = await connection.fetch(_READ, *_columns(positions), list(positions.values()), limit)
    found: dict[TopicPartition, list[Record]] = {}
    for row in rows:
        record = Record(row["topic"], row["partition"], row["position"], row["key"], json.loads(row["headers"]), row["value"], row["time"])
        found.setdefault(record.source, []).append(record)
    return found


async def end_positions(
    connection: asyncpg.Connection[asyncpg.Record], partitions: Collection[TopicPartition]
) -> dict[TopicPartition, int]:
    """The position that the next record of each will get."""
    rows = await connection.fetch(_ENDS, *_columns(partitions))
    return {TopicPartition(row["topic"], row["partition"]): row["next_position"] for row in rows}


def grown(payload: str) -> tuple[str, frozenset[int] | None]:
    """What a notice says: the topic, and its partitions that grew; None where they were too many to name."""
    topic, _, listed = payload.rpartition(":")
    return topic, frozenset(map(int, listed.split(","))) if listed else None


def _columns(partitions: Collection[TopicPartition]) -> tuple[list[str], list[int]]:
    return [one.topic for one in partitions], [one.partition for one in partitions]
