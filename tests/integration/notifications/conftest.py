"""One part with its own database; events come in as records, or over a bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from contracts.envelope import Event
from kit.bus import Bus
from kit.database import Sessions, create_engine, create_pool, sessions_of
from kit.migrations import OWNER, ensure_roles, migrate
from services.notifications.app import MIGRATIONS, create_app
from services.notifications.reactions import Intake
from services.notifications.settings import NotificationsSettings
from tests.integration.notifications.doubles import LINK_SECRET, SOURCE, TOKEN, People, SilentBus, StoppedClock, Take, as_role, person
from tests.integration.notifications.mailroom import Mailroom
from tests.integration.notifications.smtp_sink import Sink, listening
from tests.patience import UNHURRIED
from tests.unit.notifications.facts import HOLDER, SEEKER, record_of, small_catalogue


@pytest.fixture
async def dsn(empty_database: str) -> str:
    """A database with the part's schema, as the part's own role."""
    await ensure_roles(empty_database, {OWNER: OWNER, "notifications": "notifications"})
    await migrate(as_role(empty_database, OWNER), MIGRATIONS)
    return as_role(empty_database, "notifications")


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> NotificationsSettings:
    own = {"database_url": dsn, "internal_token": TOKEN, "pool_size": 10, "link_secret": LINK_SECRET, "mail_folder": tmp_path / "mail"}
    return NotificationsSettings.model_validate(
        own | UNHURRIED | {"public_url": "https://ayni.example.pe", "mail_from": "Ayni <avisos@ayni.example.pe>"}
    )


@pytest.fixture
async def pool(settings: NotificationsSettings) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(settings, "tests")
    yield pool
    await pool.close()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def intake(pool: asyncpg.Pool, clock: StoppedClock) -> Intake:
    return Intake(pool, small_catalogue(), clock)


@pytest.fixture
def take(intake: Intake) -> Take:
    """Takes events as one batch."""

    async def taken(*events: Event) -> None:
        await intake(SOURCE, [record_of(event) for event in events])

    return taken


@pytest.fixture
async def sessions(settings: NotificationsSettings) -> AsyncIterator[Sessions]:
    engine = create_engine(settings, "tests")
    yield sessions_of(engine)
    await engine.dispose()


@pytest.fixture
async def mailroom(settings: NotificationsSettings, sessions: Sessions, people: People, clock: StoppedClock) -> AsyncIterator[Mailroom]:
    """The post over a real mail server."""
    sink = Sink()
    async with listening(sink) as port:
        told = settings.model_copy(update={"smtp_url": SecretStr(f"smtp://127.0.0.1:{port}"), "mail_seconds": 60})
        yield Mailroom(told, sessions, people, clock, sink)


@pytest.fixture
def people() -> People:
    """Ana of the organisation HOLDER, Beto of SEEKER."""
    return People(person(HOLDER, "Ana"), person(SEEKER, "Beto"))


@pytest.fixture
async def app(settings: NotificationsSettings, people: People, clock: StoppedClock) -> AsyncIterator[FastAPI]:
    app = create_app(settings, cast(Bus, SilentBus()), small_catalogue(), people, clock)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notifications") as client:
        yield client
