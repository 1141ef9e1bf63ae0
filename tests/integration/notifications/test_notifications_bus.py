"""The whole part on its real bus: what is published comes into the feed and to people; what is poisoned stops nothing (invariant 7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from contracts.envelope import Event
from contracts.listings import DealOffered, OfferChanged
from contracts.topics import DEALS, MATCHES, OFFERS, QUESTIONS, TOPICS, dead_letters_of
from kit.bus import Message, Topic
from kit.bus_postgres import MIGRATIONS as BUS_MIGRATIONS
from kit.bus_postgres import PostgresBus, ensure_topics
from kit.identity import INTERNAL
from kit.migrations import OWNER, migrate
from services.notifications.app import create_app
from services.notifications.settings import NotificationsSettings
from tests.integration.notifications.doubles import TOKEN, Member, People, StoppedClock, as_role
from tests.unit.notifications.facts import HOLDER, SEEKER, deal_event, match_event, offer_event, question_event, small_catalogue


def message_of(topic: str, event: Event) -> Message:
    return Message(topic, None, event.key, event.headers(), event.value())


@pytest.fixture
async def bus(empty_database: str, dsn: str) -> AsyncIterator[PostgresBus]:
    owner = as_role(empty_database, OWNER)
    await migrate(owner, BUS_MIGRATIONS)
    connection = await asyncpg.connect(owner)
    await ensure_topics(connection, [Topic(one.name, one.partitions, one.retention_hours, one.is_compacted) for one in TOPICS])
    await connection.close()
    bus = PostgresBus(dsn)
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture
async def part(settings: NotificationsSettings, bus: PostgresBus, people: People, clock: StoppedClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, bus, small_catalogue(), people, clock)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://part") as client:
        yield client


async def feed_of(part: httpx.AsyncClient, count: int) -> list[Any]:
    """Waits for so many events."""
    entries: list[Any] = []
    while len(entries) < count:
        query = {"after": len(entries), "wait_seconds": 60}
        page = (await part.get("/internal/feed", params=query, headers={INTERNAL: TOKEN}, timeout=90)).json()
        assert page["entries"], f"only {len(entries)} of {count} events came"
        entries += page["entries"]
    return [entry["event"] for entry in entries]


async def test_a_question_reaches_its_holder_once_and_never_the_feed(bus: PostgresBus, part: httpx.AsyncClient) -> None:
    """Asked again of the same listing, it is another question; delivered again, it is not."""
    first, after = question_event(), offer_event()
    second = question_event(version=2, listing_id=UUID(first.subject))
    again = [message_of(QUESTIONS, event) for event in (first, second, first, second)]

    await bus.publish([*again, message_of(OFFERS, after)])
    assert [event["id"] for event in await feed_of(part, 1)] == [str(after.id)]
    notices = await notices_of(Member(part, HOLDER), 2)

    assert [(one["kind"], one["subject"]) for one in notices] == [("listing.lapsing", {"type": "offer", "id": first.subject})] * 2
    assert notices[0]["answer"] == {"method": "POST", "path": f"/v1/offers/{first.subject}/keep"}
    assert (await Member(part, SEEKER).get("/v1/notices"))["items"] == []


async def notices_of(member: Member, count: int) -> list[Any]:
    """Waits for so many notices."""
    async with asyncio.timeout(60):
        while True:
            found: list[Any] = (await member.get("/v1/notices"))["items"]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)


async def test_what_is_published_comes_into_the_feed_and_to_people(bus: PostgresBus, part: httpx.AsyncClient) -> None:
    offered, match, deal = offer_event(), match_event(), deal_event(DealOffered, accepted_by=(HOLDER,))

    await bus.publish([message_of(OFFERS, offered), message_of(MATCHES, match), message_of(DEALS, deal)])
    told = await feed_of(part, 3)

    assert {event["id"] for event in told} == {str(event.id) for event in (offered, match, deal)}
    notices = (await Member(part, SEEKER).get("/v1/notices"))["items"]
    assert {notice["kind"] for notice in notices} == {"match.proposed", "deal.offered"}


async def test_a_poisoned_record_becomes_a_dead_letter_and_the_next_is_taken(bus: PostgresBus, part: httpx.AsyncClient) -> None:
    first = offer_event(version=1)
    poison = offer_event(OfferChanged, version=2, subject=first.data.id)  # type: ignore[attr-defined]
    last = offer_event(OfferChanged, version=3, subject=first.data.id)  # type: ignore[attr-defined]
    spoilt = replace(message_of(OFFERS, poison), value=b"{}")

    await bus.publish([message_of(OFFERS, first), spoilt, message_of(OFFERS, last)])
    told = await feed_of(part, 2)

    assert [event["id"] for event in told] == [str(first.id), str(last.id)]
    assert [record.headers["ce_id"] async for record in bus.browse(dead_letters_of("notifications"))] == [str(poison.id)]
