"""The database of the distributed system, made and brought up to this release before its parts start."""

from __future__ import annotations

import structlog

from infra.database import prepare_database
from infra.distributed.settings import PreparingSettings, told
from kit.migrations import OWNER
from kit.settings import plain

log = structlog.get_logger()


async def migrate() -> None:
    """Idempotent. Raises ValidationError, SampleSecretError, and OSError or the server's own errors where it cannot."""
    settings = told(PreparingSettings)
    passwords = {
        OWNER: plain(settings.owner_password),
        "listings": plain(settings.listings_password),
        "matching": plain(settings.matching_password),
        "notifications": plain(settings.notifications_password),
    }
    await prepare_database(settings.admin_dsn(), passwords)
    log.info("the database is ready")
