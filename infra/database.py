"""The database of an exchange, however it runs: its roles, schemas and topics, as this release wants them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import asyncpg

from infra.topics import BUS_TOPICS
from kit.bus_postgres import MIGRATIONS as BUS
from kit.bus_postgres import ensure_topics
from kit.migrations import OWNER, current_revision, ensure_roles, migrate
from kit.settings import with_password
from services.listings import app as listings
from services.matching import app as matching
from services.notifications import app as notifications

MIGRATIONS = (BUS, listings.MIGRATIONS, matching.MIGRATIONS, notifications.MIGRATIONS)
ROLES = (OWNER, listings.NAME, matching.NAME, notifications.NAME)


def role_dsn(admin_dsn: str, role: str, password: str) -> str:
    """The same server and database, as another role."""
    server = urlsplit(admin_dsn)
    return with_password(server._replace(netloc=f"{role}@{server.netloc.rpartition('@')[2]}").geturl(), password)


async def prepare_database(admin_dsn: str, passwords: Mapping[str, str]) -> None:
    """Idempotent. passwords: by role."""
    await ensure_roles(admin_dsn, passwords)
    owner = role_dsn(admin_dsn, OWNER, passwords[OWNER])
    for part in MIGRATIONS:
        await migrate(owner, part)
    connection = await asyncpg.connect(owner)
    try:
        await ensure_topics(connection, BUS_TOPICS)
    finally:
        await connection.close()


async def is_new(admin_dsn: str) -> bool:
    """Whether no exchange has ever been in this database."""
    return await current_revision(admin_dsn, listings.MIGRATIONS) is None
