"""The outbox: an event is a row in the transaction that made it true (invariant 1).

Load-bearing: whoever publishes calls `record` inside its own transaction, or copies `outbox_values` there; nothing else sends. The
relay reads the rows in id order and marks them. The insert wakes it at commit, by the statement trigger of `create_outbox`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kit.database import copy_rows


class Envelope(Protocol):
    """What the outbox needs of an event."""

    @property
    def id(self) -> UUID:
        """Unique to the event, whatever is redelivered."""

    @property
    def key(self) -> str:
        """Events of one key keep their order."""

    def headers(self) -> dict[str, str]:
        """What readers see without opening the value."""

    def value(self) -> bytes:
        """The content."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where an event goes. `partition` None: by its key."""

    topic: str
    partition: int | None = None


OUTBOX_COLUMNS = ("event_id", "key", "headers", "value", "routes")

_INSERT = text(
    "insert into outbox (event_id, key, headers, value, routes)"
    " values (:event_id, :key, cast(:headers as jsonb), :value, cast(:routes as jsonb))"
)

_CREATE = (
    """
    create table outbox (
        id bigint generated always as identity primary key,
        event_id uuid not null constraint outbox_event_once unique,
        key text not null,
        headers jsonb not null,
        value bytea not null,
        routes jsonb not null constraint outbox_routes_listed check (jsonb_typeof(routes) = 'array'),
        created_at timestamptz not null default clock_timestamp(),
        sent_at timestamptz
    )
    """,
    "create index outbox_unsent on outbox (id) where sent_at is null",
    """
    create function outbox_wake() returns trigger language plpgsql as $$
    begin
        perform pg_notify('outbox_' || tg_table_schema, '');
        return null;
    end $$
    """,
    "create trigger outbox_wakes_the_relay after insert on outbox for each statement execute function outbox_wake()",
)


class Migrating(Protocol):
    """The part of alembic's `op` that is needed."""

    def execute(self, sqltext: str) -> None:
        """Run one statement."""


def outbox_values(event: Envelope, routes: Sequence[Route]) -> tuple[UUID, str, str, bytes, str]:
    """One row, in the order of OUTBOX_COLUMNS, for `connection.copy_records_to_table("outbox", ...)`."""
    listed = [[route.topic, route.partition] for route in routes]
    return event.id, event.key, json.dumps(event.headers()), event.value(), json.dumps(listed)


async def record(session: AsyncSession, event: Envelope, routes: Sequence[Route]) -> None:
    """Publish the event if, and when, the session's transaction commits."""
    await session.execute(_INSERT, dict(zip(OUTBOX_COLUMNS, outbox_values(event, routes), strict=True)))


async def record_all(session: AsyncSession, events: Sequence[tuple[Envelope, Sequence[Route]]]) -> None:
    """Many events at once, in their order."""
    if events:
        await copy_rows(session, "outbox", OUTBOX_COLUMNS, [outbox_values(*one) for one in events])


def create_outbox(op: Migrating) -> None:
    """For a migration: the table and its trigger, in the schema that is being migrated."""
    for statement in _CREATE:
        op.execute(statement)


def drop_outbox(op: Migrating) -> None:
    """The way back."""
    op.execute("drop table outbox")
    op.execute("drop function outbox_wake()")
