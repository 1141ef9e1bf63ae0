"""Reading all that a topic holds, outside any group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition as KafkaPartition

from kit.bus import Record
from kit.bus_kafka.connection import Connection, translated
from kit.bus_kafka.records import record_of

PAGE = 500
WAIT_MS = 1000


async def browse(connection: Connection, topic: str, partitions: int) -> AsyncIterator[Record]:
    """Partition by partition, up to where each ends when its turn comes. Raises OSError."""
    client = AIOKafkaConsumer(
        **connection.options(), enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    try:
        with translated(f"topic {topic} cannot be read"):
            await client.start()
            for number in range(partitions):
                async for record in _partition(client, KafkaPartition(topic, number), connection.timeouts.request_seconds):
                    yield record
    finally:
        await client.stop()


async def _partition(client: Any, partition: KafkaPartition, seconds: float) -> AsyncIterator[Record]:
    """The position passes transaction markers and what compaction took, so it reaches the end, whatever is the last record."""
    client.assign([partition])
    position = (await client.beginning_offsets([partition]))[partition]
    end = (await client.end_offsets([partition]))[partition]
    client.seek(partition, position)
    deadline = _now() + seconds
    while position < end:
        found = await client.getmany(partition, timeout_ms=WAIT_MS, max_records=PAGE)
        for record in found.get(partition, []):
            if record.offset < end:
                yield record_of(record)
        reached = await client.position(partition)
        if reached == position and _now() > deadline:
            raise TimeoutError(f"{partition.topic}/{partition.partition} does not get past position {position}")
        if reached > position:
            position, deadline = reached, _now() + seconds


def _now() -> float:
    return asyncio.get_running_loop().time()
