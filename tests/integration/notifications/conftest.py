"""One part with its own database; events come in as records, or over a bus that says nothing by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from contracts.envelope import Event
from kit.bus import Bus, Record, TopicPartition
from kit.database import create_pool
from kit.identity import ALL_SCOPES, INTERNAL, Caller
from kit.migrations import OWNER, ensure_roles, migrate
from services.notifications.app import MIGRATIONS, create_app
from services.notifications.reactions import Intake
from services.notifications.settings import NotificationsSettings
from tests.unit.notifications.facts import NOW, record_of, small_catalogue

TOKEN = "internal"
SOURCE = TopicPartition("ayni.offers", 0)
Pool = asyncpg.Pool


@dataclass
class StoppedClock:
    """Moves when it is told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)


class SilentConsumer:
    """A member of a group to whom nothing is ever delivered."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def poll(self, timeout_seconds: float, max_records: int) -> dict[TopicPartition, list[Record]]:
        try:
            async with asyncio.timeout(timeout_seconds):
                await asyncio.Event().wait()
        except TimeoutError:
            pass
        return {}

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None: ...

    def pause(self, partitions: Collection[TopicPartition]) -> None: ...

    def resume(self, partitions: Collection[TopicPartition]) -> None: ...

    def seek(self, partition: TopicPartition, position: int) -> None: ...

    async def end_positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset()


class SilentBus:
    """Nothing comes over it."""

    def consumer(self, group: str, topics: Sequence[str], listener: object = None) -> SilentConsumer:
        return SilentConsumer()


def as_role(dsn: str, role: str) -> str:
    """The same database for another role, whose password is its name."""
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{role}@{place}"))


@pytest.fixture
async def dsn(empty_database: str) -> str:
    """A database with the part's schema, as the part's own role."""
    await ensure_roles(empty_database, {OWNER: OWNER, "notifications": "notifications"})
    await migrate(as_role(empty_database, OWNER), MIGRATIONS)
    return as_role(empty_database, "notifications")


@pytest.fixture
def settings(dsn: str) -> NotificationsSettings:
    return NotificationsSettings.model_validate({"database_url": dsn, "internal_token": TOKEN, "pool_size": 5})


@pytest.fixture
async def pool(settings: NotificationsSettings) -> AsyncIterator[Pool]:
    pool = await create_pool(settings, "tests")
    yield pool
    await pool.close()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def intake(pool: Pool, clock: StoppedClock) -> Intake:
    return Intake(pool, small_catalogue(), clock)


Take = Callable[..., Awaitable[None]]


@pytest.fixture
def take(intake: Intake) -> Take:
    """Takes events as one batch."""

    async def taken(*events: Event) -> None:
        await intake(SOURCE, [record_of(event) for event in events])

    return taken


@pytest.fixture
async def app(settings: NotificationsSettings, clock: StoppedClock) -> AsyncIterator[FastAPI]:
    app = create_app(settings, cast(Bus, SilentBus()), small_catalogue(), clock)
    async with app.router.lifespan_context(app):
        yield app


@dataclass
class Member:
    """Somebody who calls through the gateway."""

    http: httpx.AsyncClient
    organisation_id: UUID
    person_id: UUID | None = None
    scopes: frozenset[str] = field(default=frozenset(ALL_SCOPES))

    async def call(self, method: str, path: str, **query: Any) -> httpx.Response:
        headers = Caller(self.organisation_id, self.person_id, self.scopes).headers() | {INTERNAL: TOKEN}
        return await self.http.request(method, path, params=query, headers=headers)

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str) -> Any:
        answer = await self.call("POST", path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notifications") as client:
        yield client
