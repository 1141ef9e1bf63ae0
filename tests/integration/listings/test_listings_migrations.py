"""The schema can be walked up, down and up again, also over rows, and is what the classes say."""

from __future__ import annotations

from typing import Any

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, MetaData
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from kit.ids import new_id
from kit.migrations import OWNER, current_revision, downgrade, ensure_roles, migrate
from services.listings.account import ApiKey, RefreshSession
from services.listings.app import MIGRATIONS
from services.listings.deal import Deal
from services.listings.offer import Offer
from services.listings.organisation import Licence, Organisation, Person, Site
from services.listings.want import Want
from tests.integration.listings.traders import NOW, as_role

CLASSES: tuple[type[SQLModel], ...] = (Organisation, Person, Site, Licence, Offer, Want, Deal, RefreshSession, ApiKey)


async def test_every_revision_can_be_walked_up_down_and_up(empty_database: str) -> None:
    await ensure_roles(empty_database, {OWNER: OWNER, "listings": "listings"})
    owner = as_role(empty_database, OWNER)
    revisions = MIGRATIONS.revisions()
    for before, revision in zip(["base", *revisions], revisions, strict=False):
        await migrate(owner, MIGRATIONS, revision)
        await downgrade(owner, MIGRATIONS, before)
        await migrate(owner, MIGRATIONS, revision)
    assert await current_revision(owner, MIGRATIONS) == revisions[-1]


async def test_the_tables_are_what_the_classes_say(dsn: str, market: asyncpg.Connection) -> None:
    metadata = MetaData()
    for one in CLASSES:
        one.__table__.to_metadata(metadata)  # type: ignore[attr-defined]

    def differences(connection: Connection) -> list[Any]:
        ours = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        return list(compare_metadata(MigrationContext.configure(connection, opts=ours), metadata))

    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()
    rows = await market.fetch("select conname from pg_constraint where connamespace = 'listings'::regnamespace and contype = 'c'")
    named = {one.name for table in metadata.tables.values() for one in table.constraints if isinstance(one, CheckConstraint)}
    assert {row["conname"] for row in rows} - {"outbox_routes_listed"} == named


async def test_listings_of_before_are_taken_as_confirmed_when_they_were_last_changed(empty_database: str) -> None:
    await ensure_roles(empty_database, {OWNER: OWNER, "listings": "listings"})
    owner = as_role(empty_database, OWNER)
    await migrate(owner, MIGRATIONS, "0002")
    connection = await asyncpg.connect(owner, server_settings={"search_path": "listings"})
    organisation, site, want = new_id(), new_id(), new_id()
    await connection.execute("insert into organisations values ($1, 'PE', '1', 'x', 'firm', false, null, $2)", organisation, NOW)
    await connection.execute("insert into sites values ($1, $2, 'x', 0, 0, null, $3)", site, organisation, NOW)
    await connection.execute(
        "insert into wants values ($1, $2, $3, 'x', '', 'one_off', 'published', null, 1, 1, '{}', 0, 0, null, null, $4, $4, $4, '[]',"
        " 1, 'kg', 1, null, null, null, 0, false, 1, null, null, null, $4, null)",
        *(want, organisation, site, NOW),
    )
    await migrate(owner, MIGRATIONS)
    found = await connection.fetchrow("select confirmed_at, lapses_at, questions from wants")
    assert tuple(found) == (NOW, None, 0)
    await downgrade(owner, MIGRATIONS, "0002")
    assert await connection.fetchval("select state from wants") == "published"
    await connection.close()
