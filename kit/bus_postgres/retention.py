"""What the log forgets. Called hourly by the process that has the owner role."""

from __future__ import annotations

import asyncpg

_EXPIRE = """
    delete from bus.log old using bus.partitions part
    where part.topic = $1 and old.topic = part.topic and old.partition = part.partition
      and old.position < coalesce(
          (select kept.position from bus.log kept
           where kept.topic = part.topic and kept.partition = part.partition
             and kept.time >= clock_timestamp() - make_interval(hours => $2)
           order by kept.position limit 1),
          part.next_position)
"""
_COMPACT = """
    with ranked as (
        select partition, position, time, lead(position) over (partition by partition, key order by position) as newer
        from bus.log where topic = $1
    )
    delete from bus.log old using ranked
    where old.topic = $1 and old.partition = ranked.partition and old.position = ranked.position
      and ranked.newer is not null and ranked.time < clock_timestamp() - make_interval(hours => $2)
"""


async def prune(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    """Delete what has passed its topic's retention; of a compacted topic only what a newer record of the same key has replaced. How many.

    Times grow with positions within a partition, so the first record that is young enough ends what is deleted."""
    deleted = 0
    for topic in await connection.fetch("select name, retention_hours, is_compacted from bus.topics order by name"):
        if topic["is_compacted"]:
            status = await connection.execute(_COMPACT, topic["name"], topic["retention_hours"] or 0)
        elif topic["retention_hours"] is not None:
            status = await connection.execute(_EXPIRE, topic["name"], topic["retention_hours"])
        else:
            continue
        deleted += int(status.removeprefix("DELETE "))
    return deleted
