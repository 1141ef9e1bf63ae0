"""The schema can be walked up, down and up again, and its checks know what the code knows."""

from __future__ import annotations

from typing import get_args

import asyncpg
import pytest

from contracts.notifications import NoticeKind
from kit.ids import new_id
from kit.migrations import OWNER, current_revision, downgrade, ensure_roles, migrate
from services.notifications.app import MIGRATIONS
from tests.integration.notifications.doubles import as_role
from tests.unit.notifications.facts import NOW

INSERT = "insert into notices values ($1, $2, $3, $4, '1', 1, null, 'es', 'en', '{}', $5)"


async def test_every_revision_can_be_walked_up_down_and_up(empty_database: str) -> None:
    await ensure_roles(empty_database, {OWNER: OWNER, "notifications": "notifications"})
    owner = as_role(empty_database, OWNER)
    revisions = MIGRATIONS.revisions()

    for before, revision in zip(["base", *revisions], revisions, strict=False):
        await migrate(owner, MIGRATIONS, revision)
        await downgrade(owner, MIGRATIONS, before)
        await migrate(owner, MIGRATIONS, revision)

    assert await current_revision(owner, MIGRATIONS) == revisions[-1]


async def test_every_kind_of_notice_can_be_stored_and_no_other(pool: asyncpg.Pool) -> None:
    for kind in get_args(NoticeKind):
        await pool.execute(INSERT, new_id(), new_id(), kind, "deal", NOW)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(INSERT, new_id(), new_id(), "deal.forgotten", "deal", NOW)


async def test_the_same_notice_cannot_be_stored_twice(pool: asyncpg.Pool) -> None:
    organisation = new_id()
    await pool.execute(INSERT, new_id(), organisation, "deal.agreed", "deal", NOW)

    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute(INSERT, new_id(), organisation, "deal.agreed", "deal", NOW)
