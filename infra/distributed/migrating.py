"""The database of the distributed system, made and brought up to this release before its parts start."""

from __future__ import annotations

import asyncio
from time import monotonic

import structlog

from infra.database import prepare_database
from infra.distributed.settings import PreparingSettings, Read, told
from kit.migrations import OWNER
from kit.settings import plain
from kit.transient import TransientError, backoff_seconds, is_transient

PATIENCE_SECONDS = 60.0

log = structlog.get_logger()


async def migrate(read: Read = told) -> None:
    """Idempotent; waits for a server that is not up yet. Raises ValidationError, SampleSecretError, TransientError."""
    settings = read(PreparingSettings)
    passwords = {
        OWNER: plain(settings.owner_password),
        "listings": plain(settings.listings_password),
        "matching": plain(settings.matching_password),
        "notifications": plain(settings.notifications_password),
    }
    deadline, attempt = monotonic() + PATIENCE_SECONDS, 0
    while True:
        try:
            await prepare_database(settings.admin_dsn(), passwords)
            break
        except Exception as error:
            if not is_transient(error):
                raise
            attempt += 1
            if monotonic() > deadline:
                raise TransientError(f"the database does not answer after {PATIENCE_SECONDS:g} s: {error}") from error
            if attempt == 1:
                log.warning("waiting for the database", cause=str(error))
            await asyncio.sleep(backoff_seconds(attempt))
    log.info("the database is ready")
