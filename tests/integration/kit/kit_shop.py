"""The service that the kit is tested with: its schema `shop`, its topic of four partitions, what it says, and its relay."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg

from kit.bus import Record
from kit.ids import new_id
from kit.migrations import MigrationSet
from kit.outbox import OUTBOX_COLUMNS, Route, outbox_values

TOPIC = "shop.sold"
SHOP = """
from alembic import op

from kit.inbox import create_inbox, drop_inbox
from kit.outbox import create_outbox, drop_outbox

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_outbox(op)
    create_inbox(op)


def downgrade() -> None:
    drop_inbox(op)
    drop_outbox(op)
"""


@dataclass(frozen=True)
class Shop:
    """Where each role connects, and the service's migrations."""

    admin: str
    owner: str
    service: str
    migrations: MigrationSet


def as_role(dsn: str, role: str) -> str:
    """The same database, another role."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:secret@{parts.netloc.rpartition('@')[2]}"))


@dataclass(frozen=True)
class Sold:
    """An event as the outbox wants it; its number is its version."""

    key: str
    number: int
    id: UUID = field(default_factory=new_id)

    def headers(self) -> dict[str, str]:
        return {"ce_id": str(self.id)}

    def value(self) -> bytes:
        return str(self.number).encode()


async def say(connection: asyncpg.Connection | asyncpg.Pool, *events: Sold, routes: Sequence[Route] = (Route(TOPIC),)) -> None:
    """Copy events into the outbox, in the transaction that is open."""
    rows = [outbox_values(event, routes) for event in events]
    await connection.copy_records_to_table("outbox", records=rows, columns=OUTBOX_COLUMNS)


@asynccontextmanager
async def relay_process(shop: Shop, *servers: str, stalled_seconds: float = 30) -> AsyncIterator[asyncio.subprocess.Process]:
    """relay_process.py over Kafka's servers, or without any over PostgreSQL; killed at the end."""
    script = str(Path(__file__).parent / "relay_process.py")
    process = await asyncio.create_subprocess_exec(sys.executable, script, shop.service, "shop", str(stalled_seconds), *servers)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def by_key(records: Iterable[Record]) -> dict[str, list[int]]:
    """The numbers of each key in the order of the log."""
    found: dict[str, list[int]] = {}
    for one in records:
        found.setdefault(one.key, []).append(int(one.value))
    return found
