"""The feed in SQL.

Load-bearing: `lock_head` comes before everything else in a transaction that stores. The head row's lock is held to the commit, so that
the order of positions is the order of commits (design.md, Order): a reader who has seen a position has seen all below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from services.notifications.feed import CursorExpired, Entry, StoredEntry, Visibility

CHANNEL = "notifications_feed"
PRUNED_AT_ONCE = 10_000

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Head:
    """position: of the last event; oldest: the position behind which the feed begins, what lies below was pruned."""

    position: int
    oldest: int


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader asks for; organisation_id None: for all audiences (only our own parts ask so)."""

    organisation_id: UUID | None = None
    types: tuple[str, ...] = ()
    family: str | None = None
    department: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """Of some entries: which are stored already, and up to which version their subjects have been told."""

    event_ids: frozenset[UUID]
    versions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Looked:
    """Some entries, and the position up to which all others were seen not to pass the filters."""

    entries: list[StoredEntry]
    position: int
    head: int


async def read_head(connection: Connection) -> Head:
    """As of now."""
    return _head(await connection.fetchrow("select position, oldest from feed_head"))


async def lock_head(connection: Connection) -> Head:
    """Nobody else stores or prunes until this transaction ends."""
    return _head(await connection.fetchrow("select position, oldest from feed_head for update"))


def _head(row: asyncpg.Record | None) -> Head:
    assert row is not None, "the migration puts the one row in"
    return Head(row["position"], row["oldest"])


async def known_of(connection: Connection, entries: Sequence[Entry]) -> Known:
    """What is known of these entries."""
    ids = await connection.fetch("select event_id from feed where event_id = any($1)", [entry.event_id for entry in entries])
    versions = await connection.fetch(
        "select subject, version from feed_subjects where subject = any($1)", [entry.subject for entry in entries]
    )
    return Known(frozenset(row["event_id"] for row in ids), {row["subject"]: row["version"] for row in versions})


async def append(connection: Connection, head: Head, entries: Sequence[Entry], now: datetime) -> None:
    """Stores the entries behind the head, raises it, and wakes the readers when this transaction commits."""
    if not entries:
        return
    rows = [_row(position, entry, now) for position, entry in enumerate(entries, head.position + 1)]
    await connection.executemany("insert into feed values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", rows)
    await connection.executemany(
        "insert into feed_subjects values ($1, $2) on conflict (subject) do update set version = excluded.version",
        list({entry.subject: entry.version for entry in entries}.items()),
    )
    position = head.position + len(entries)
    await connection.execute("update feed_head set position = $1", position)
    await connection.execute("select pg_notify($1, $2)", CHANNEL, str(position))


def _row(position: int, entry: Entry, now: datetime) -> tuple[Any, ...]:
    seen_by = entry.visibility
    who = (seen_by.audience, seen_by.families, seen_by.department)
    return (position, entry.event_id, entry.subject, entry.version, entry.type, entry.time, *who, entry.event, now)


class FeedReader:
    """Reads the feed, each time on a connection of the pool.

    window: positions that one statement looks at, some tens of milliseconds; windows: how many of them a page may take before it
    answers with what it has, and a `next` that moves on.
    """

    def __init__(self, pool: Pool, window: int = 20_000, windows: int = 10) -> None:
        self._pool, self._window, self._windows = pool, window, windows

    async def head(self) -> Head:
        """As of now."""
        async with self._pool.acquire() as connection:
            return await read_head(connection)

    async def read(self, after: int | None, filters: Filters, limit: int) -> Looked:
        """Up to `limit` entries behind a position (None: the oldest kept), in order. Raises CursorExpired.

        One snapshot sees head and entries together: pruning between the two would lose events without a word.
        """
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            head = await read_head(connection)
            position = head.oldest if after is None else after
            if not head.oldest <= position <= head.position:
                raise CursorExpired(head.oldest)
            return await self._look(connection, head, position, filters, limit)

    async def _look(self, connection: Connection, head: Head, position: int, filters: Filters, limit: int) -> Looked:
        entries: list[StoredEntry] = []
        for _ in range(self._windows):
            if len(entries) == limit or position == head.position:
                break
            until = min(position + self._window, head.position)
            found = await _between(connection, position, until, filters, limit - len(entries))
            entries += found
            position = found[-1].position if len(entries) == limit else until
        return Looked(entries, position, head.position)


async def _between(connection: Connection, after: int, until: int, filters: Filters, limit: int) -> list[StoredEntry]:
    arguments: list[Any] = [after, until, limit]
    conditions = [condition.format(_place(arguments, value)) for condition, value in _conditions(filters)]
    query = " ".join(
        [
            "select position, audience, families, department, event from feed where position > $1 and position <= $2",
            *conditions,
            "order by position limit $3",
        ]
    )
    return [_stored(row) for row in await connection.fetch(query, *arguments)]


def _place(arguments: list[Any], value: object) -> str:
    arguments.append(value)
    return f"${len(arguments)}"


def _conditions(filters: Filters) -> list[tuple[str, object]]:
    """Only those in use, so that each combination has a plan of its own."""
    asked: list[tuple[str, object]] = [
        ("and (audience is null or {} = any(audience))", filters.organisation_id),
        ("and type = any({})", list(filters.types) or None),
        ("and (families is null or {} = any(families))", filters.family),
        ("and (department is null or department = {})", filters.department),
    ]
    return [(condition, value) for condition, value in asked if value is not None]


def _stored(row: asyncpg.Record) -> StoredEntry:
    audience = None if row["audience"] is None else tuple(row["audience"])
    families = None if row["families"] is None else tuple(row["families"])
    return StoredEntry(row["position"], Visibility(audience, families, row["department"]), row["event"])


async def prune(connection: Connection, before: datetime) -> bool:
    """Forgets what was stored before a moment, a bounded part at a time. Gives whether there is more to forget."""
    head = await lock_head(connection)
    first_kept = await connection.fetchval("select position from feed where stored_at >= $1 order by position limit 1", before)
    end = head.position if first_kept is None else first_kept - 1
    until = min(end, head.oldest + PRUNED_AT_ONCE)
    if until <= head.oldest:
        return False
    await connection.execute("delete from feed where position <= $1", until)
    await connection.execute("update feed_head set oldest = $1", until)
    return until < end
