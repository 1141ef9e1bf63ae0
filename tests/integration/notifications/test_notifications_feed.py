"""The feed as readers meet it: order, cursors, filters, who sees what, what is kept, and waiting for more."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from contracts.listings import DealAgreed, OfferPublished, OfferWithdrawn, WantPublished
from contracts.matching import MatchProposed
from kit.identity import INTERNAL
from kit.pagination import cursor
from kit.running import running
from services.notifications.app import forget_old
from services.notifications.feed import position_of
from services.notifications.repository.feed import FeedReader, Filters
from services.notifications.watch import Watch
from tests.integration.notifications.doubles import TOKEN, Member, StoppedClock, Take
from tests.unit.notifications.facts import COTTON, HOLDER, PET, SEEKER, STRANGER, deal_event, match_event, offer_event, want_event

Pool = asyncpg.Pool
KEPT = timedelta(days=30)
OURS = {INTERNAL: TOKEN}


@pytest.fixture
def reader(http: httpx.AsyncClient) -> Member:
    return Member(http, HOLDER)


def told(page: Any) -> list[str]:
    return [event["id"] for event in page["items"]]


async def all_pages(member: Member, limit: int, **filters: Any) -> list[str]:
    events: list[str] = []
    after: dict[str, str] = {}
    while (page := await member.get("/v1/events", limit=limit, **after, **filters))["items"]:
        events, after = events + told(page), {"after": page["next"]}
    return events


async def test_the_feed_is_told_oldest_first_with_the_cursor_of_each_event(take: Take, reader: Member) -> None:
    events = [offer_event(), want_event(), match_event()]
    await take(*events)

    page = await reader.get("/v1/events")

    assert told(page) == [str(event.id) for event in events]
    assert [position_of(event["aynicursor"]) for event in page["items"]] == [1, 2, 3]
    assert page["items"][0]["data"]["material"] == COTTON
    assert page["next"] == page["items"][-1]["aynicursor"]


async def test_pages_of_one_give_every_event_once(take: Take, reader: Member) -> None:
    events = [offer_event() for _ in range(5)]
    await take(*events)

    assert await all_pages(reader, 1) == [str(event.id) for event in events]


async def test_the_end_is_told_on_an_empty_page_and_by_latest(take: Take, reader: Member) -> None:
    empty = await reader.get("/v1/events")
    assert empty["items"] == []
    await take(offer_event())

    latest = await reader.get("/v1/events", after="latest")

    assert latest == {"items": [], "next": cursor("feed", 1)}
    assert await reader.get("/v1/events", after=latest["next"]) == latest
    assert len(told(await reader.get("/v1/events", after=empty["next"]))) == 1


async def test_filters_give_what_passes_all_of_them(take: Take, reader: Member) -> None:
    cotton, pet = offer_event(department="Lima"), offer_event(material=PET, department="Arequipa")
    both, nowhere = want_event(accepts=(COTTON, PET), department="Arequipa"), offer_event(department=None)
    match, deal = match_event(), deal_event(DealAgreed)
    await take(cotton, pet, both, nowhere, match, deal)
    cases: list[tuple[dict[str, str], list[Any]]] = [
        ({"types": f"{OfferPublished.TYPE},{DealAgreed.TYPE}"}, [cotton, pet, nowhere, deal]),
        ({"family": "textile"}, [cotton, both, nowhere, match, deal]),
        ({"department": "Arequipa"}, [pet, both, match, deal]),
        ({"department": "Lima", "family": "plastic"}, [match, deal]),
        ({"types": WantPublished.TYPE, "family": "plastic", "department": "Arequipa"}, [both]),
        ({"types": MatchProposed.TYPE, "family": "no such family"}, [match]),
        ({"types": OfferWithdrawn.TYPE}, []),
    ]

    for filters, expected in cases:
        assert await all_pages(reader, 100, **filters) == [str(event.id) for event in expected], filters
        assert await all_pages(reader, 1, **filters) == [str(event.id) for event in expected], filters


async def test_only_those_concerned_see_matches_and_deals(take: Take, http: httpx.AsyncClient) -> None:
    public, match, deal = offer_event(), match_event(told=(SEEKER,)), deal_event(DealAgreed)
    await take(public, match, deal)

    seen = {member: await all_pages(Member(http, member), 2) for member in (HOLDER, SEEKER, STRANGER)}

    assert seen == {
        HOLDER: [str(public.id), str(deal.id)],
        SEEKER: [str(public.id), str(match.id), str(deal.id)],
        STRANGER: [str(public.id)],
    }


async def test_next_moves_on_behind_what_was_looked_at_where_nothing_passes(take: Take, pool: Pool) -> None:
    await take(*(offer_event() for _ in range(10)), offer_event(material=PET))
    reader, filters = FeedReader(pool, window=2, windows=2), Filters(family="plastic")

    first = await reader.read(None, filters, 5)
    second = await reader.read(first.position, filters, 5)
    third = await reader.read(second.position, filters, 5)

    assert [(len(looked.entries), looked.position) for looked in (first, second, third)] == [(0, 4), (0, 8), (1, 11)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": "no cursor"}, "after"),
        ({"after": cursor("notices", "1")}, "after"),
        ({"types": "offer.published"}, "types"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"family": "a\0b"}, "family"),
        ({"department": ""}, "department"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_field(reader: Member, query: dict[str, str], field: str) -> None:
    answer = await reader.call("GET", "/v1/events", **query)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_the_feed_needs_a_sign_in_and_its_scope(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/events")).status_code == 401
    refused = await Member(http, HOLDER, scopes=frozenset({"notices:read"})).call("GET", "/v1/events")
    assert (refused.status_code, "events:read" in refused.json()["detail"]) == (403, True)


async def test_a_cursor_older_than_what_is_kept_is_gone_and_the_oldest_is_named(
    take: Take, reader: Member, pool: Pool, clock: StoppedClock
) -> None:
    start = (await reader.get("/v1/events"))["next"]
    await take(offer_event(), offer_event())
    clock.pass_days(20)
    kept = offer_event()
    await take(kept)
    clock.pass_days(11)

    await forget_old(pool, clock() - KEPT)
    answer = await reader.call("GET", "/v1/events", after=start)

    assert answer.status_code == 410
    assert answer.json()["type"] == "urn:ayni:problem:cursor-expired"
    [named] = answer.json()["errors"]
    assert named["field"] == "oldest"
    assert named["message"] in answer.json()["detail"]
    assert told(await reader.get("/v1/events", after=named["message"])) == told(await reader.get("/v1/events")) == [str(kept.id)]


async def test_the_oldest_cursor_is_remembered_when_nothing_is_kept(
    take: Take, reader: Member, http: httpx.AsyncClient, pool: Pool, clock: StoppedClock
) -> None:
    await take(offer_event(), offer_event())
    clock.pass_days(31)

    await forget_old(pool, clock() - KEPT)

    assert (await reader.call("GET", "/v1/events", after=cursor("feed", 1))).status_code == 410
    assert (await http.get("/internal/feed", params={"after": 1}, headers=OURS)).status_code == 410
    assert await reader.get("/v1/events") == {"items": [], "next": cursor("feed", 2)}
    await take(offer_event())
    assert (await reader.get("/v1/events"))["next"] == cursor("feed", 3)


async def test_a_cursor_ahead_of_the_feed_is_refused_because_waiting_there_would_miss_events(reader: Member) -> None:
    assert (await reader.call("GET", "/v1/events", after=cursor("feed", 7))).status_code == 410


async def test_the_internal_feed_tells_all_audiences_and_who_they_are(take: Take, http: httpx.AsyncClient) -> None:
    offered, match = offer_event(), match_event(told=(SEEKER,))
    await take(offered, match)

    page = (await http.get("/internal/feed", params={"after": 0, "limit": 5}, headers=OURS)).json()
    head = (await http.get("/internal/feed/head", headers=OURS)).json()

    assert page["head"] == 2
    assert [{name: one[name] for name in ("position", "audience", "families", "department")} for one in page["entries"]] == [
        {"position": 1, "audience": None, "families": ["textile"], "department": "Lima"},
        {"position": 2, "audience": [str(SEEKER)], "families": None, "department": None},
    ]
    assert [one["event"]["id"] for one in page["entries"]] == [str(offered.id), str(match.id)]
    assert head == {"cursor": cursor("feed", 2), "position": 2}


async def test_the_internal_feed_does_not_exist_for_others_nor_in_the_document(
    app: FastAPI, reader: Member, http: httpx.AsyncClient
) -> None:
    for path in ("/internal/feed?after=0", "/internal/feed/head"):
        assert (await http.get(path)).status_code == 404
        assert (await http.get(path, headers={INTERNAL: "a guess"})).status_code == 404
    assert all(path.startswith("/v1/") for path in app.openapi()["paths"])


async def waiting(http: httpx.AsyncClient, seconds: float) -> Any:
    return (await http.get("/internal/feed", params={"after": 0, "wait_seconds": seconds}, headers=OURS)).json()


async def test_a_reader_that_waits_is_woken_by_the_next_event(take: Take, http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        readers = [group.create_task(waiting(http, 60)) for _ in range(12)]  # more than there are connections
        group.create_task(take(offer_event()))

    assert [len(one.result()["entries"]) for one in readers] == [1] * 12


async def test_a_reader_is_woken_although_the_listening_connection_was_lost(
    take: Take, http: httpx.AsyncClient, empty_database: str
) -> None:
    await waiting(http, 0)
    admin = await asyncpg.connect(empty_database)
    await admin.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'notifications.watch'")
    await admin.close()

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        late = group.create_task(waiting(http, 60))
        group.create_task(take(offer_event()))

    assert len(late.result()["entries"]) == 1


async def test_who_waits_is_woken_by_the_commit_and_not_only_by_the_look(take: Take, pool: Pool) -> None:
    watch = Watch(pool, poll_seconds=600)
    async with running(watch.run()):
        await take(offer_event())
        await watch.beyond(0, 60)
        await take(offer_event())

        await watch.beyond(1, 60)

    assert watch.position == 2


async def test_a_reader_waits_no_longer_than_it_asked_to(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        assert await waiting(http, 0.05) == {"entries": [], "head": 0}


async def test_the_part_is_healthy_and_ready(http: httpx.AsyncClient) -> None:
    assert [(await http.get(path)).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
