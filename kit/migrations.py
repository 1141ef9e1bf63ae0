"""Migrations, a schema a part, and the database roles that the parts run as.

A part keeps its revisions as plain files in one folder (`0001_name.py`, alembic's format); no env.py. Load-bearing: everything of a
part, its version table too, lies in the part's schema, is owned by `ayni_owner`, and is reached by the part's own role only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

OWNER = "ayni_owner"
BUS_GROUP = "ayni_bus"
VERSION_TABLE = "migrations"
_ROLES_LOCK = "ayni.roles"


@dataclass(frozen=True, slots=True)
class MigrationSet:
    """The revisions of one part. `folder` holds the revision files themselves."""

    name: str
    schema: str
    folder: Path

    def scripts(self) -> ScriptDirectory:
        """The revisions as alembic reads them."""
        return ScriptDirectory(str(self.folder), version_locations=[str(self.folder)])

    def revisions(self) -> list[str]:
        """Every revision, oldest first."""
        return [script.revision for script in self.scripts().walk_revisions()][::-1]


class NewerSchemaError(RuntimeError):
    """The schema was written by a newer release: this one does not know what it would read."""


def check_known(part: MigrationSet, revision: str | None) -> None:
    """Raises NewerSchemaError."""
    if revision is not None and revision not in part.revisions():
        raise NewerSchemaError(
            f"the schema {part.schema} is at revision {revision}, and this release knows {part.revisions()[-1]} as the last: a newer"
            " release has used this database. Run that release or a newer one, or restore a backup that was made before"
        )


async def migrate(dsn: str, part: MigrationSet, revision: str = "head") -> None:
    """Bring the part's schema up to the revision, as the owner role. Safe to run concurrently: one waits for the other.

    Raises NewerSchemaError."""
    check_known(part, await current_revision(dsn, part))
    scripts = part.scripts()
    await _run(dsn, part, scripts, revision, lambda current, _: scripts._upgrade_revs(revision, current))


async def downgrade(dsn: str, part: MigrationSet, revision: str) -> None:
    """Bring it back down; "base" is nothing at all. Raises NewerSchemaError."""
    check_known(part, await current_revision(dsn, part))
    scripts = part.scripts()
    await _run(dsn, part, scripts, revision, lambda current, _: scripts._downgrade_revs(revision, current))


async def current_revision(dsn: str, part: MigrationSet) -> str | None:
    """Where the schema stands; None before the first migration."""
    async with _connected(dsn, part) as connection:
        return await connection.run_sync(
            lambda sync: MigrationContext.configure(
                sync, opts={"version_table": VERSION_TABLE, "version_table_schema": part.schema}
            ).get_current_revision()
        )


async def _run(dsn: str, part: MigrationSet, scripts: ScriptDirectory, revision: str, steps: Callable[[Any, Any], Any]) -> None:
    def walk(connection: Connection) -> None:
        with EnvironmentContext(Config(), scripts, fn=steps, destination_rev=revision) as environment:
            environment.configure(
                connection=connection,
                version_table=VERSION_TABLE,
                version_table_schema=part.schema,
                include_schemas=True,
            )
            with environment.begin_transaction():
                environment.run_migrations()

    async with _connected(dsn, part) as connection:
        await connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"migrations.{part.schema}"})
        await connection.execute(text(f'create schema if not exists "{part.schema}"'))
        await connection.run_sync(walk)
        await connection.commit()


@asynccontextmanager
async def _connected(dsn: str, part: MigrationSet) -> AsyncIterator[AsyncConnection]:
    """Unqualified names are the part's; extensions live in `public`."""
    engine = create_async_engine(
        "postgresql+asyncpg://" + dsn.split("://", 1)[1],
        poolclass=NullPool,
        connect_args={"server_settings": {"search_path": f'"{part.schema}", public', "application_name": f"migrations.{part.name}"}},
    )
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def ensure_roles(admin_dsn: str, passwords: Mapping[str, str]) -> None:
    """The owner role, the bus's group role, and a role with a schema of its own for every other name. Idempotent; passwords are set anew.

    `passwords` names the roles that log in, `ayni_owner` among them. None is a superuser, none can reach another's schema."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", _ROLES_LOCK)
            await _ensure_owner(connection, passwords.get(OWNER))
            for role, password in passwords.items():
                if role != OWNER:
                    await _ensure_service(connection, role, password)
    finally:
        await connection.close()


async def _ensure_owner(connection: asyncpg.Connection[asyncpg.Record], password: str | None) -> None:
    await _create_role(connection, OWNER)
    await _create_role(connection, BUS_GROUP)
    if password is not None:
        await _execute(connection, "alter role %I login password %L", OWNER, password)
    await _execute(connection, "grant create, connect on database %I to %I", await connection.fetchval("select current_database()"), OWNER)


async def _ensure_service(connection: asyncpg.Connection[asyncpg.Record], role: str, password: str) -> None:
    await _create_role(connection, role)
    await _execute(connection, "alter role %I login password %L", role, password)
    await _execute(connection, "alter role %I set search_path to %I, public", role, role)
    await _execute(connection, "grant %I to %I", BUS_GROUP, role)
    await _execute(connection, "create schema if not exists %I authorization %I", role, OWNER)
    await _execute(connection, "grant usage on schema %I to %I", role, role)
    defaults = "alter default privileges for role %I in schema %I grant "
    await _execute(connection, defaults + "select, insert, update, delete on tables to %I", OWNER, role, role)
    await _execute(connection, defaults + "usage, select on sequences to %I", OWNER, role, role)


async def _create_role(connection: asyncpg.Connection[asyncpg.Record], role: str) -> None:
    if not await connection.fetchval("select true from pg_roles where rolname = $1", role):
        await _execute(connection, "create role %I nosuperuser nocreatedb nocreaterole", role)


async def _execute(connection: asyncpg.Connection[asyncpg.Record], pattern: str, *values: str) -> None:
    """A statement that takes no parameters, with its names and literals quoted by the server."""
    await connection.execute(await connection.fetchval("select format($1, variadic $2::text[])", pattern, list(values)))
