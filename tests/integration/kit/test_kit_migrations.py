"""Roles and migrations: each part in its own schema, walked up, down and up, by an owner; nobody reaches another's."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from kit_shop import TOPIC, Shop, as_role

from kit.bus import Topic, TopicMismatchError
from kit.bus_postgres import MIGRATIONS, ensure_topics
from kit.migrations import OWNER, MigrationSet, current_revision, downgrade, ensure_roles, migrate


@pytest.mark.parametrize("name", ["bus", "shop"])
async def test_every_revision_goes_up_down_and_up_again(shop: Shop, name: str) -> None:
    part = {"bus": MIGRATIONS, "shop": shop.migrations}[name]
    assert await current_revision(shop.owner, part) == part.revisions()[-1]

    for target in [*part.revisions()[-2::-1], "base"]:
        await downgrade(shop.owner, part, target)
    assert await current_revision(shop.owner, part) is None
    assert await _tables(shop, part) == {"migrations"}

    for revision in part.revisions():
        await migrate(shop.owner, part, revision)
        await downgrade(shop.owner, part, "-1")
        await migrate(shop.owner, part, revision)
    assert await current_revision(shop.owner, part) == part.revisions()[-1]


async def test_roles_and_migrations_may_be_repeated_at_the_same_time(shop: Shop) -> None:
    await asyncio.gather(*(ensure_roles(shop.admin, {OWNER: "secret", "shop": "secret"}) for _ in range(4)))
    await asyncio.gather(*(migrate(shop.owner, MIGRATIONS) for _ in range(3)))

    assert await current_revision(shop.owner, MIGRATIONS) == MIGRATIONS.revisions()[-1]


async def test_a_service_role_is_no_superuser_lives_in_its_schema_and_reaches_no_other(shop: Shop) -> None:
    stranger = await asyncpg.connect(as_role(shop.admin, "stranger"))
    service = await asyncpg.connect(shop.service)
    try:
        assert await service.fetchval("select count(*) from outbox") == 0
        assert not await service.fetchval("select rolsuper or rolcreaterole or rolcreatedb from pg_roles where rolname = current_user")
        for statement in ("select * from shop.outbox", "select * from shop.migrations"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await stranger.fetch(statement)
        for statement in ("create table mine (id int)", "delete from bus.log", "insert into bus.topics values ('x', 1, null, false)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(statement)
    finally:
        await stranger.close()
        await service.close()


async def test_topics_keep_their_partitions_and_take_over_their_retention(shop: Shop, owner: asyncpg.Connection) -> None:
    await ensure_topics(owner, [Topic(TOPIC, 4, retention_hours=5, is_compacted=True)])
    assert tuple(await owner.fetchrow("select * from bus.topics")) == (TOPIC, 4, 5, True)

    with pytest.raises(TopicMismatchError, match="4 partitions and 5 are wanted"):
        await ensure_topics(owner, [Topic("shop.another", 1), Topic(TOPIC, 5)])
    assert await owner.fetchval("select count(*) from bus.topics") == 1


async def _tables(shop: Shop, part: MigrationSet) -> set[str]:
    connection = await asyncpg.connect(shop.owner)
    rows = await connection.fetch("select tablename from pg_tables where schemaname = $1", part.schema)
    await connection.close()
    return {row["tablename"] for row in rows}
