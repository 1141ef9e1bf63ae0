"""What time does to listings, under a clock that the test moves: at its second and not before, in order, once, and whatever fails."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text

from contracts.catalogue import Catalogue
from kit.database import Sessions
from kit.running import running
from services.listings.rules import Rules
from services.listings.scheduler import TICK_SECONDS, Scheduler
from services.listings.settings import ListingsSettings
from tests.integration.listings.traders import (
    BY_PRODUCT,
    NOW,
    FakeClock,
    Trader,
    at,
    problem,
    told,
    types_told,
    written,
)
from tests.patience import PATIENCE_SECONDS, until_found

PULP = "agrofood.fruit_pulp"  # keeps for 48 hours
WASTE = BY_PRODUCT | {"own_process_by_product": False}


@pytest.mark.parametrize(("kind", "event"), [("offer", "offer.lapsed"), ("want", "want.lapsed")])
async def test_a_listing_lapses_at_the_second_of_its_end(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, kind: str, event: str
) -> None:
    end = {"available_until": at(hours=1)} if kind == "offer" else {"needed_until": at(hours=1)}
    listing = await (holder.offer if kind == "offer" else holder.want)(**end)
    clock.move(hours=1, seconds=-1)
    assert await scheduler.catch_up() == 0
    assert await holder.state_of(listing) == "published"
    clock.move(seconds=1)
    assert await scheduler.catch_up() == 1
    lapsed = await holder.read(listing)
    assert (lapsed["state"], lapsed["version"], lapsed["updated_at"]) == ("lapsed", listing["version"] + 1, at(hours=1))
    assert [(one.type, one.version, one.data["state"]) for one in await told(sessions)][1:] == [(event, lapsed["version"], "lapsed")]
    assert await scheduler.catch_up() == 0


async def test_freshness_ends_at_its_second_and_the_offer_is_matched_again_as_waste(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader
) -> None:
    offer = await holder.offer(material=PULP)
    clock.move(hours=48, seconds=-1)
    assert await scheduler.catch_up() == 0
    clock.move(seconds=1)
    assert await scheduler.catch_up() == 1
    waste = (await told(sessions))[-1]
    assert (waste.type, waste.version, waste.subject) == ("offer.lapsed_to_waste", offer["version"] + 1, offer["id"])
    assert (waste.data["state"], waste.data["fresh_until"], waste.data["lapsed_to_waste"]) == ("published", None, True)
    assert waste.data["regime"]["slug"] == "residuo_no_peligroso"
    async with sessions() as session:
        topics = [route[0] for route in (await session.execute(text("select routes from outbox order by id desc limit 1"))).scalar_one()]
    assert topics == ["ayni.standing", "ayni.offers"], "matching hears it, and so does everybody"


async def test_a_licence_ends_at_midnight_in_lima_and_what_its_holder_may_receive_is_told_again(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, seeker: Trader
) -> None:
    await seeker.licence("eo_rs", "2026-11-24")
    await seeker.licence("recycler_register", "2026-11-25")
    want, _ = await seeker.want(), await seeker.want(publish=False)
    clock.now = NOW.replace(day=25, hour=4, minute=59, second=59)  # one second before midnight in Lima
    assert await scheduler.catch_up() == 0
    clock.move(seconds=1)
    assert await scheduler.catch_up() == 1
    published, changed = await told(sessions)
    assert [licence["kind"] for licence in published.data["holder"]["licences"]] == ["eo_rs", "recycler_register"]
    assert (changed.type, changed.subject, changed.version) == ("want.changed", want["id"], want["version"] + 1)
    assert [licence["kind"] for licence in changed.data["holder"]["licences"]] == ["recycler_register"]


async def test_time_voids_what_was_accepted_and_nobody_hears_it_as_the_others_doing(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, seeker: Trader
) -> None:
    offer, want = await holder.offer(material=PULP), await seeker.want(accepts=[{"material": PULP}], needed_until=at(hours=49))
    for hours, event in ((48, "offer.lapsed_to_waste"), (49, "want.lapsed")):
        await seeker.licence("eo_rs")
        deal = await holder.answered(offer, want, "accept")
        clock.now = NOW + timedelta(hours=hours)
        await scheduler.catch_up()
        voided, last = (await told(sessions))[-2:]
        assert (voided.type, voided.subject, last.type) == ("deal.voided", deal["id"], event)
        assert (voided.data["state"], voided.data["had_accepted"], voided.data["answered_by"]) == ("open", [str(holder.id)], None)
    problem(await seeker.answer(offer, want, "accept"), 409)


async def test_an_end_that_is_moved_before_it_comes_does_not_come(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader
) -> None:
    later, never = await holder.offer(available_until=at(hours=1)), await holder.offer(available_until=at(hours=1))
    await holder.patch(later, available_until=at(hours=2))
    await holder.patch(never, available_until=None)
    clock.move(hours=1)
    assert await scheduler.catch_up() == 0
    clock.move(hours=1)
    assert await scheduler.catch_up() == 1
    assert [await holder.state_of(one) for one in (later, never)] == ["lapsed", "published"]


async def a_busy_day(holder: Trader, seeker: Trader) -> list[str]:
    """Things that fall due within the next day, made in no order; the events in the order in which they must be told."""
    moments: list[tuple[float, str]] = []
    for number, hours in enumerate((20, 3, 11, 7, 16, 5)):
        offer = await holder.offer(available_until=at(hours=hours, minutes=number))
        moments.append((hours + number / 60, f"offer.lapsed {offer['id']}"))
        want = await seeker.want(needed_until=at(hours=hours - 1, minutes=number))
        moments.append((hours - 1 + number / 60, f"want.lapsed {want['id']}"))
    for hours in (9, 2, 13):
        spoilt = await holder.offer(material=PULP, available_from=at(hours=hours - 48), available_until=at(hours=hours + 4))
        moments += [(hours, f"offer.lapsed_to_waste {spoilt['id']}"), (hours + 4.001, f"offer.lapsed {spoilt['id']}")]
    await holder.licence("eo_rs", "2026-11-24")  # ends at 05:00 UTC, fifteen hours from now
    want = await holder.want()
    moments.append((15, f"want.changed {want['id']}"))
    return [event for _, event in sorted(moments)]


async def events_after(sessions: Sessions, count: int) -> list[str]:
    return [f"{one.type} {one.subject}" for one in (await told(sessions))[count:]]


async def test_after_a_day_of_downtime_everything_is_caught_up_in_the_order_in_which_it_fell_due(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, seeker: Trader
) -> None:
    expected = await a_busy_day(holder, seeker)
    before = len(await told(sessions))
    clock.move(days=1)
    assert await scheduler.catch_up() == len(expected)
    assert await events_after(sessions, before) == expected


async def test_cut_short_and_started_again_it_goes_on_where_it_was(
    sessions: Sessions, catalogue: Catalogue, settings: ListingsSettings, clock: FakeClock, holder: Trader, seeker: Trader
) -> None:
    """Nothing of it is in memory: each start is a new scheduler, ended after another thing was done."""
    expected = await a_busy_day(holder, seeker)
    before = len(await told(sessions))
    clock.move(days=1)
    starts = 0
    while len(done := await events_after(sessions, before)) < len(expected):
        task = asyncio.create_task(Scheduler(sessions, Rules(catalogue), settings, clock).catch_up())
        await until_found(partial(_has_grown, sessions, before + len(done), task), "another thing is done")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        starts += 1
    assert starts > 1
    assert await events_after(sessions, before) == expected


async def _has_grown(sessions: Sessions, count: int, task: asyncio.Task[int]) -> bool:
    return task.done() or len(await told(sessions)) > count


async def test_two_at_once_do_nothing_twice_and_keep_the_order(
    sessions: Sessions, catalogue: Catalogue, settings: ListingsSettings, clock: FakeClock, holder: Trader, seeker: Trader
) -> None:
    expected = await a_busy_day(holder, seeker)
    before = len(await told(sessions))
    clock.move(days=1)
    two = [Scheduler(sessions, Rules(catalogue), settings, clock) for _ in range(2)]
    done = [0, 0]

    async def work(number: int) -> None:
        while len(await events_after(sessions, before)) < len(expected):
            done[number] += await two[number].catch_up()

    await asyncio.wait_for(asyncio.gather(work(0), work(1)), PATIENCE_SECONDS)
    assert await events_after(sessions, before) == expected
    assert sum(done) >= len(expected)
    assert [await one.catch_up() for one in two] == [0, 0]


async def test_a_clock_set_back_an_hour_undoes_nothing_and_does_nothing_twice(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, seeker: Trader
) -> None:
    first, second = await holder.offer(available_until=at(hours=1)), await holder.offer(available_until=at(hours=1, minutes=30))
    spoilt = await holder.offer(material=PULP, available_from=at(hours=-47))
    await seeker.licence("eo_rs", "2026-11-23")
    clock.move(hours=1)
    assert await scheduler.catch_up() == 2
    clock.move(hours=-1)
    stood = await written(sessions)
    assert await scheduler.catch_up() == 0
    assert await written(sessions) == stood
    assert [await holder.state_of(one) for one in (first, second, spoilt)] == ["lapsed", "published", "published"]
    assert (await holder.read(spoilt))["lapsed_to_waste"] is True
    clock.move(hours=1)
    assert await scheduler.catch_up() == 0
    clock.move(minutes=30)
    assert await scheduler.catch_up() == 1
    assert (await types_told(sessions, first, second, spoilt)).count("offer.lapsed") == 2


async def test_a_paper_that_was_said_to_have_ended_opens_nothing_when_the_clock_is_set_back_over_midnight(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, seeker: Trader
) -> None:
    """The end is told once: what is told in the hour that comes twice must not bring the paper back for good."""
    await seeker.licence("eo_rs", "2026-11-24")
    offer, want = await holder.offer(facts=WASTE), await seeker.want()
    clock.now = NOW.replace(day=25, hour=5, minute=10)
    assert await scheduler.catch_up() == 1
    clock.move(hours=-1)
    await seeker.patch(want, title="Otra vez")
    assert (await told(sessions))[-1].data["holder"]["licences"] == []
    problem(await holder.answer(offer, want, "accept"), 409)
    clock.move(hours=1)
    assert await scheduler.catch_up() == 0


async def test_a_running_part_looks_four_times_in_the_two_seconds_that_it_has(
    scheduler: Scheduler, clock: FakeClock, holder: Trader
) -> None:
    offers = [await holder.offer(available_until=at(hours=hours)) for hours in (1, 2, 3)]
    async with running(scheduler.run()):
        for offer in offers:
            clock.move(hours=1)
            await until_found(partial(holder.has_lapsed, offer), "it lapses")
    assert 4 * TICK_SECONDS <= 2


async def test_answers_kept_for_a_day_are_forgotten_by_and_by(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader
) -> None:
    await holder.call("POST", "/v1/sites", {"name": "x", "latitude": 0.0, "longitude": 0.0}, {"Idempotency-Key": "una"})
    clock.move(days=2)

    async def is_forgotten() -> bool:
        async with sessions() as session:
            return bool((await session.execute(text("select count(*) = 0 from idempotency"))).scalar_one())

    assert not await is_forgotten()
    async with running(scheduler.run()):
        await until_found(is_forgotten, "the key is forgotten")
