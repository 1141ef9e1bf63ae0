"""The service that the kit is tested with: a schema `shop` with an outbox and an inbox, and one topic of four partitions."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from kit.migrations import MigrationSet

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
