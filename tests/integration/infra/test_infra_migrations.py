"""The schemas of all parts: walked up, down and up again, made as the classes say, and left alone where a newer release has been."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from pkgutil import walk_packages

import asyncpg
import pytest
from schema_description import described, of_tables
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.schema import MetaData
from sqlmodel import SQLModel

from infra.database import MIGRATIONS, role_dsn
from kit.migrations import OWNER, NewerSchemaError, current_revision, downgrade, ensure_roles, migrate

PARTS = {part.name: part for part in MIGRATIONS}
SERVICES = [name for name in PARTS if name != "bus"]
MODELLED = "modelled"


@pytest.fixture
async def owner(empty_database: str) -> str:
    """The DSN of the owner role."""
    await ensure_roles(empty_database, {OWNER: OWNER, **{name: name for name in SERVICES}})
    return role_dsn(empty_database, OWNER, OWNER)


@pytest.fixture
async def connection(owner: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(owner)
    yield opened
    await opened.close()


@pytest.mark.parametrize("name", PARTS)
async def test_every_revision_goes_up_down_and_up_to_the_same(owner: str, connection: asyncpg.Connection, name: str) -> None:
    part = PARTS[name]
    seen: list[set[str]] = []
    for revision in part.revisions():
        await migrate(owner, part, revision)
        up = await described(connection, part.schema)
        await downgrade(owner, part, "-1")
        down = await described(connection, part.schema)
        await migrate(owner, part, revision)

        assert await described(connection, part.schema) == up
        assert down == (seen[-1] if seen else {line for line in down if " migrations" in line})
        seen.append(up)

    await downgrade(owner, part, "base")
    assert all(" migrations" in line for line in await described(connection, part.schema))
    assert await current_revision(owner, part) is None


def tables_of(service: str) -> list[Table]:
    """Those of the part's classes, whether the part itself reads them or not."""
    package = import_module(f"services.{service}")
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations" not in module.name:
            import_module(module.name)
    mappers = SQLModel._sa_registry.mappers
    return [mapper.local_table for mapper in mappers if mapper.class_.__module__.startswith(f"services.{service}.")]


@pytest.mark.parametrize("name", SERVICES)
async def test_the_migrated_tables_are_what_the_classes_say(
    owner: str, connection: asyncpg.Connection, empty_database: str, name: str
) -> None:
    await migrate(owner, PARTS[name])
    metadata = MetaData()
    tables = {table.to_metadata(metadata).name for table in tables_of(name)}
    settings = {"search_path": MODELLED}
    engine = create_async_engine(empty_database.replace("://", "+asyncpg://"), connect_args={"server_settings": settings})
    async with engine.begin() as admin:
        await admin.exec_driver_sql(f"create schema {MODELLED} authorization {OWNER}")
        await admin.run_sync(metadata.create_all)
    await engine.dispose()

    migrated, modelled = await described(connection, PARTS[name].schema), await described(connection, MODELLED)

    assert tables, "the part keeps something"
    assert of_tables(migrated, tables) == of_tables(modelled, tables)


@pytest.mark.parametrize("name", PARTS)
async def test_a_schema_of_a_newer_release_is_left_alone_and_named(owner: str, connection: asyncpg.Connection, name: str) -> None:
    part = PARTS[name]
    await migrate(owner, part)
    await connection.execute(f"update {part.schema}.migrations set version_num = '9999'")  # noqa: S608 - our own schema
    before = await described(connection, part.schema)

    for walk in (migrate(owner, part), downgrade(owner, part, "base")):
        with pytest.raises(NewerSchemaError, match=f"the schema {part.schema} is at revision 9999, and this release knows"):
            await walk

    assert await described(connection, part.schema) == before
