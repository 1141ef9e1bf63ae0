"""One schema to one of its revisions, up or down: for who goes back to an older release, with that release's own data lost no more than
its schema asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from infra.database import MIGRATIONS, ROLES, role_dsn
from infra.embedded.exchange import database_of, folder_of
from infra.embedded.folder import load_secrets
from infra.embedded.settings import ExchangeSettings
from infra.operating.reach import UnreachableError, check_there
from kit.migrations import OWNER, current_revision, downgrade, ensure_roles, migrate

PARTS = {part.name: part for part in MIGRATIONS}


class UnknownRevisionError(ValueError):
    """The part has no such revision; the message names those that it has."""


@asynccontextmanager
async def _owner(settings: ExchangeSettings) -> AsyncIterator[str]:
    """The DSN of the role that owns the schemas, of an exchange that does not run."""
    async with AsyncExitStack() as stack:
        var = stack.enter_context(folder_of(settings))
        database = await stack.enter_async_context(database_of(settings, var))
        passwords = load_secrets(var, ROLES).passwords
        await ensure_roles(database.dsn, passwords)
        yield role_dsn(database.dsn, OWNER, passwords[OWNER])


async def walk(settings: ExchangeSettings, name: str, revision: str) -> tuple[str, str]:
    """From which revision to which. Raises UnknownRevisionError, UnreachableError where the part has no schema, NewerSchemaError."""
    part = PARTS[name]
    revisions = part.revisions()
    if revision not in revisions:
        raise UnknownRevisionError(f"{name} has no revision {revision}: it has {', '.join(revisions)}")
    check_there(settings)
    async with _owner(settings) as dsn:
        before = await current_revision(dsn, part)
        if before is None:
            raise UnreachableError(f"{name} has nothing in this database: bring it up to this release first, with `ayni migrate`")
        is_down = before in revisions and revisions.index(revision) < revisions.index(before)
        await (downgrade if is_down else migrate)(dsn, part, revision)
    return before, revision
