"""What hinders the clocks of listings, and delays itself alone: what fails, what somebody holds on to, a rush, a database that is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain
from uuid import UUID

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from kit.database import Sessions
from kit.ids import new_id
from kit.running import running
from services.listings.offer import Offer
from services.listings.scheduler import Scheduler
from tests.integration.listings.traders import (
    NOW,
    FakeClock,
    Json,
    Trader,
    at,
    join_many,
    kilo,
    problem,
    told,
    types_told,
)
from tests.patience import PATIENCE_SECONDS, until_found


async def poison(sessions: Sessions, *offers: Json) -> None:
    """What no release of ours should write, and one may all the same: a material that the catalogue does not have."""
    async with sessions.begin() as session:
        await session.execute(
            text("update offers set material = 'no.such' where id = any(:ids)"), {"ids": [UUID(one["id"]) for one in offers]}
        )


async def mend(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await session.execute(text("update offers set material = 'paper.occ' where material = 'no.such'"))


async def test_what_fails_by_itself_stops_nothing_and_is_done_once_it_can_be(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader
) -> None:
    broken, good = await holder.offer(available_until=at(hours=1)), await holder.offer(available_until=at(hours=2))
    await poison(sessions, broken)
    clock.move(hours=3)
    assert await scheduler.catch_up() == 1
    assert await holder.state_of(good) == "lapsed"
    assert await types_told(sessions, broken) == ["offer.published"], "what failed left nothing"
    await mend(sessions)
    await until_found(scheduler.catch_up, "it is tried again after a pause")
    assert await holder.state_of(broken) == "lapsed"


async def test_more_that_fails_than_is_taken_at_once_stops_nothing(
    sessions: Sessions, http: httpx.AsyncClient, scheduler: Scheduler, clock: FakeClock, holder: Trader
) -> None:
    broken, good = await holder.offer(available_until=at(hours=1)), await holder.offer(available_until=at(hours=2))
    async with sessions.begin() as session:
        like = (await session.get_one(Offer, UUID(broken["id"]))).model_dump()
        session.add_all(Offer(**like | {"id": new_id(), "material": "no.such"}) for _ in range(105))
    await poison(sessions, broken)
    clock.move(hours=3)
    assert await scheduler.catch_up() == 1
    assert await holder.state_of(good) == "lapsed"


async def test_the_loop_survives_what_fails(sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader) -> None:
    broken, good = await holder.offer(available_until=at(hours=1)), await holder.offer(available_until=at(hours=2))
    await poison(sessions, broken)
    clock.move(hours=1)
    async with running(scheduler.run()):
        clock.move(hours=1)
        await until_found(lambda: holder.has_lapsed(good), "the good one lapses")
        await mend(sessions)
        await until_found(lambda: holder.has_lapsed(broken), "and the mended one")


async def test_what_ends_at_one_moment_ends_together_and_in_order_and_each_by_itself_where_one_is_held(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, seeker: Trader
) -> None:
    offers = [await (holder, seeker)[number % 2].offer(available_until=at(hours=1, seconds=number // 5)) for number in range(20)]
    wanted = await seeker.want()
    await holder.answered(offers[4], wanted, "accept")
    clock.move(hours=1, seconds=10)
    async with a_lock_on(sessions, offers[7]):
        assert await scheduler.catch_up() == 19, "one is held, and holds nobody up"
    await until_found(scheduler.catch_up, "it is done when it is let go")
    lapsed = [one.subject for one in await told(sessions) if one.type == "offer.lapsed"]
    by_end = [sorted(one["id"] for one in offers[start : start + 5] if one is not offers[7]) for start in (0, 5, 10, 15)]
    assert lapsed == [*chain(*by_end), offers[7]["id"]]

    later = [await (holder, seeker)[number % 2].offer(available_until=at(hours=2)) for number in range(150)]
    accepted = await seeker.want()
    deal = await holder.answered(later[70], accepted, "accept")
    clock.move(hours=1)
    assert await scheduler.catch_up() == 150
    events = (await told(sessions))[-151:]
    assert [one.subject for one in events if one.type == "offer.lapsed"] == sorted(one["id"] for one in later)
    (voided,) = (one for one in events if one.type == "deal.voided")
    assert voided.subject == deal["id"]
    async with sessions() as session:
        count = text("select count(distinct xmin::text) from offers where available_until = :at")
        transactions = (await session.execute(count, {"at": NOW + timedelta(hours=2)})).scalar_one()
    assert transactions == 2, "150, a hundred at a time"


async def _is_said(logs: Sequence[Mapping[str, object]], what: str) -> bool:
    return any(entry["event"] == what for entry in logs)


@asynccontextmanager
async def a_lock_on(sessions: Sessions, offer: Json) -> AsyncIterator[None]:
    """Somebody's transaction that does not come to its end."""
    async with sessions.begin() as session:
        await session.execute(text("select 1 from offers where id = :id for update"), {"id": offer["id"]})
        yield


async def test_a_row_that_somebody_holds_on_to_delays_itself_alone(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader
) -> None:
    held, good = await holder.offer(available_until=at(hours=1)), await holder.offer(available_until=at(hours=2))
    clock.move(hours=3)
    async with a_lock_on(sessions, held):
        assert await scheduler.catch_up() == 1
        assert await holder.state_of(good) == "lapsed"
    await until_found(scheduler.catch_up, "it is done when it is let go")
    assert await holder.state_of(held) == "lapsed"


async def test_a_lapse_outwaits_a_rush_on_its_listing(
    sessions: Sessions,
    http: httpx.AsyncClient,
    scheduler: Scheduler,
    clock: FakeClock,
    holder: Trader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While buyers come one upon another, the row is never free at the moment of a look: waiting in line is what gets it."""
    monkeypatch.setattr("services.listings.scheduler.LONGEST_PAUSE_SECONDS", 1.0)
    offer = await holder.offer(available_until=at(hours=1))
    buyers = await join_many(sessions, http, 12)
    wants = [await one.want(minimum=kilo(1)) for one in buyers]
    clock.move(hours=1)
    async with running(scheduler.run()):

        async def buys(buyer: Trader, want: Json) -> None:
            while not await holder.has_lapsed(offer):
                problem(await buyer.answer(offer, want, "accept"), 409)

        await asyncio.wait_for(asyncio.gather(*(buys(*one) for one in zip(buyers, wants, strict=True))), PATIENCE_SECONDS)


async def test_the_clocks_wait_for_a_database_that_is_away(
    sessions: Sessions, market: asyncpg.Connection, scheduler: Scheduler, clock: FakeClock, holder: Trader
) -> None:
    offer = await holder.offer(available_until=at(hours=1))
    async with running(scheduler.run()):
        with capture_logs() as logs:
            await market.execute("alter role listings connection limit 0")
            await market.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'listings'")
            clock.move(hours=1)
            await until_found(lambda: _is_said(logs, "the clocks wait for the database"), "it is noticed")
        assert await market.fetchval("select state from listings.offers") == "published"
        await market.execute("alter role listings connection limit -1")
        await until_found(lambda: holder.has_lapsed(offer), "it lapses when the database is back")
    assert await types_told(sessions) == ["offer.published", "offer.lapsed"]
