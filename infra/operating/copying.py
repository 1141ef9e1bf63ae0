"""An exchange into a file, and a file into an exchange."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import asyncpg

from infra.database import MIGRATIONS, ROLES, is_new, prepare_database
from infra.embedded.exchange import database_of, folder_of
from infra.embedded.folder import SAMPLE_PENDING, keep_secrets, load_secrets, read_secrets
from infra.embedded.settings import ExchangeSettings
from infra.operating.backup import FORMAT, Backup, BackupError, Header, opened, this_release, write_backup
from infra.operating.dump import DumpError, dump, load
from infra.operating.reach import Reached
from kit.clock import system_clock
from kit.migrations import NewerSchemaError, check_known, current_revision, ensure_roles

SCHEMAS = tuple(part.schema for part in MIGRATIONS)
COUNTED = ("organisations", "offers", "wants", "deals")


async def back_up(exchange: Reached, path: Path) -> Header:
    """The exchange as it is at one moment, running or not. Raises BackupError."""
    if exchange.kafka is not None:
        raise BackupError("this exchange keeps its log in Kafka: back up its servers with their own tools, PostgreSQL's after Kafka's")
    secrets = read_secrets(exchange.var)
    if not secrets:
        raise BackupError(f"the secrets of this exchange are not in {exchange.var}: without them nobody could sign in again")
    header = await _header(exchange.dsn)
    try:
        write_backup(path, header, secrets, partial(dump, exchange.dsn, SCHEMAS))
    except DumpError as error:
        raise BackupError(f"the database could not be read: {error}") from error
    return header


async def _header(dsn: str) -> Header:
    revisions = {part.schema: await current_revision(dsn, part) or "" for part in MIGRATIONS}
    connection = await asyncpg.connect(dsn)
    try:
        counts = {table: await connection.fetchval(f"select count(*) from listings.{table}") for table in COUNTED}  # noqa: S608 - ours
        server = await connection.fetchval("show server_version")
    finally:
        await connection.close()
    return Header(format=FORMAT, release=this_release(), made_at=system_clock(), postgresql=server, revisions=revisions, counts=counts)


async def restore(settings: ExchangeSettings, path: Path, *, may_replace: bool) -> Header:
    """The exchange of the file, in the folder (or the database) of the settings, brought up to this release.

    Whole or not at all: until the last moment what was there stands. Raises BackupError, NewerSchemaError, FolderInUseError,
    OwnServerError."""
    with opened(path) as backup:
        check_revisions(path, backup.header.revisions)
        backup.verify()
        async with AsyncExitStack() as stack:
            var = stack.enter_context(folder_of(settings))
            database = await stack.enter_async_context(database_of(settings, var))
            if not may_replace and not await is_new(database.dsn):
                where = var if database.server is not None else "the database"
                raise BackupError(f"{where} holds an exchange already: restore into an empty folder, or replace what is there (--replace)")
            await _load(database.dsn, backup)
            (var / SAMPLE_PENDING).unlink(missing_ok=True)
            keep_secrets(var, backup.secrets())
            await prepare_database(database.dsn, load_secrets(var, ROLES).passwords)
        return backup.header


def check_revisions(path: Path, revisions: Mapping[str, str]) -> None:
    """Raises BackupError where a newer release wrote what this one cannot read."""
    known = {part.schema: part for part in MIGRATIONS}
    try:
        for schema, revision in revisions.items():
            if schema not in known:
                raise NewerSchemaError(f"this release knows no schema {schema}")
            check_known(known[schema], revision)
    except NewerSchemaError as error:
        raise BackupError(f"{path} was made by a newer release, restore it with that one or a newer one: {error}") from error


async def _load(dsn: str, backup: Backup) -> None:
    await ensure_roles(dsn, backup.secrets()["passwords"])
    try:
        with backup.script() as script:
            load(dsn, SCHEMAS, script)
    except DumpError as error:
        raise BackupError(f"the database could not be restored, and is as it was: {error}") from error
