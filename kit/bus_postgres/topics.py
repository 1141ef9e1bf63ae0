"""Topics: made by the owner, looked up by everybody, never given another number of partitions."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from kit.bus import Topic, TopicMismatchError

_ENSURE = """
    insert into bus.topics (name, partitions, retention_hours, is_compacted) values ($1, $2, $3, $4)
    on conflict (name) do update set retention_hours = excluded.retention_hours, is_compacted = excluded.is_compacted
    returning partitions
"""


async def ensure_topics(connection: asyncpg.Connection[asyncpg.Record], topics: Iterable[Topic]) -> None:
    """Make what is missing, take over retention and compaction.

    Raises TopicMismatchError, with nothing changed, on another partition count."""
    async with connection.transaction():
        for topic in sorted(topics, key=lambda one: one.name):
            found = await connection.fetchval(_ENSURE, topic.name, topic.partitions, topic.retention_hours, topic.is_compacted)
            if found != topic.partitions:
                raise TopicMismatchError(
                    f"topic {topic.name} has {found} partitions and {topic.partitions} are wanted: keys would move to other partitions,"
                    " and their order would be lost. Make a new topic instead"
                )
            await connection.execute(
                "insert into bus.partitions (topic, partition) select $1, generate_series(0, $2 - 1) on conflict do nothing",
                topic.name,
                topic.partitions,
            )


async def partition_counts(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, int]:
    """How many partitions every topic has."""
    return {row["name"]: row["partitions"] for row in await connection.fetch("select name, partitions from bus.topics")}
