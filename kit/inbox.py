"""The inbox: which events a consumer has taken, marked in the transaction of their effect (invariant 2).

Load-bearing: the mark saves work, the business key of the effect is what makes it exist once. So marks may be pruned as soon as the
bus cannot deliver the event again.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from kit.outbox import Migrating

_MARK = """
    insert into inbox (consumer, event_id) select $1, taken from unnest($2::uuid[]) as taken
    on conflict do nothing returning event_id
"""
KEPT_HOURS = 8 * 24  # longer than topics keep (reliability.md 1.1)


async def unseen(connection: asyncpg.Connection[asyncpg.Record], consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
    """Mark the events as taken, in the caller's transaction; the answer is those that were new.

    Sorted, so that two transactions that take the same events wait for each other in one order."""
    rows = await connection.fetch(_MARK, consumer, sorted(set(event_ids)))
    return {row["event_id"] for row in rows}


async def prune_inbox(connection: asyncpg.Connection[asyncpg.Record], kept_hours: float = KEPT_HOURS) -> int:
    """Forget old marks; how many."""
    status = await connection.execute("delete from inbox where seen_at < clock_timestamp() - make_interval(secs => $1)", kept_hours * 3600)
    return int(status.removeprefix("DELETE "))


def create_inbox(op: Migrating) -> None:
    """For a migration: the table, in the schema that is being migrated."""
    op.execute(
        "create table inbox (consumer text not null, event_id uuid not null,"
        " seen_at timestamptz not null default clock_timestamp(), primary key (consumer, event_id))"
    )
    op.execute("create index inbox_by_age on inbox using brin (seen_at)")


def drop_inbox(op: Migrating) -> None:
    """The way back."""
    op.execute("drop table inbox")
