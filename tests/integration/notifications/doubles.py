"""What stands around the part in its tests: a clock that stands still, a bus that says nothing, and members who call it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import httpx

from contracts.listings import Addressee
from contracts.values import Language
from kit.bus import Record, TopicPartition
from kit.forwarding import PartAnswer, PartRequest
from kit.idempotency import HEADER
from kit.identity import ALL_SCOPES, INTERNAL, ORGANISATION, Caller
from kit.ids import new_id
from kit.problems import Unavailable
from tests.unit.notifications.facts import NOW

TOKEN = "internal"
LINK_SECRET = "a secret of more than thirty-two bytes"
SOURCE = TopicPartition("ayni.offers", 0)
Take = Callable[..., Awaitable[None]]


@dataclass
class StoppedClock:
    """Moves when it is told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)

    def pass_hours(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class SilentConsumer:
    """A member of a group to whom nothing is ever delivered."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def poll(self, timeout_seconds: float, max_records: int) -> dict[TopicPartition, list[Record]]:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await asyncio.Event().wait()
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


def person(organisation_id: UUID, name: str, language: Language = "es") -> Addressee:
    email = f"{name.lower()}@example.pe"
    return Addressee(person_id=new_id(), organisation_id=organisation_id, name=name, email=email, language=language, country="PE")


class People:
    """The calls that listings answers, over a book of people; its own tests prove that it answers them so.

    kept: which paths were called to keep a listing, and for which organisation."""

    def __init__(self, *people: Addressee) -> None:
        self.book = {one.person_id: one for one in people}
        self.is_away = False
        self.kept: list[tuple[str, str]] = []
        self.answer_to_keep = 200

    async def call(self, request: PartRequest) -> PartAnswer:
        if self.is_away:
            raise Unavailable("listings is away")
        if request.path.endswith("/keep"):
            self.kept.append((request.path, dict(request.headers)[ORGANISATION.encode()].decode()))
            return self._answer(self.answer_to_keep, b"{}")
        body = json.loads(request.body)
        if request.path == "/internal/addresses":
            asked = {UUID(one) for one in body["organisation_ids"]}
            people = [one.model_dump(mode="json") for one in self.book.values() if one.organisation_id in asked]
            return self._answer(200, json.dumps({"people": people}).encode())
        id = UUID(request.path.split("/")[-2])
        self.book[id] = self.book[id].model_copy(update=body)
        return self._answer(204, b"")

    def of(self, organisation_id: UUID) -> Addressee:
        """The only one there."""
        (found,) = [one for one in self.book.values() if one.organisation_id == organisation_id]
        return found

    def _answer(self, status: int, body: bytes) -> PartAnswer:
        async def chunks() -> AsyncIterator[bytes]:
            yield body

        return PartAnswer(status, [], chunks())


def as_role(dsn: str, role: str) -> str:
    """The same database for another role, whose password is its name."""
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{role}@{place}"))


@dataclass
class Member:
    """Somebody who calls through the gateway."""

    http: httpx.AsyncClient
    organisation_id: UUID
    person_id: UUID | None = None
    scopes: frozenset[str] = field(default=frozenset(ALL_SCOPES))

    async def call(self, method: str, path: str, key: str | None = None, body: Any = None, **query: Any) -> httpx.Response:
        headers = Caller(self.organisation_id, self.person_id, self.scopes).headers() | {INTERNAL: TOKEN}
        headers |= {HEADER: key} if key else {}
        return await self.http.request(method, path, params=query, headers=headers, json=body)

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str) -> Any:
        answer = await self.call("POST", path)
        assert answer.status_code == 200, answer.text
        return answer.json()
