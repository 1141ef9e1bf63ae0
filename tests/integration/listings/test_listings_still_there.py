"""Stale listings: the holder is asked after 30 days, and a listing lapses 14 days after a question that nobody answers; to the second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from contracts.catalogue import Catalogue
from contracts.envelope import EVENT_TYPES, read_event
from contracts.listings import HolderAsked
from kit.database import Sessions
from services.listings.rules import Rules
from services.listings.scheduler import Scheduler
from services.listings.settings import ListingsSettings
from tests.integration.listings.traders import FakeClock, Json, Trader, at, kilo, path_of, problem, told, types_told, written

STALE, ANSWER = {"days": 30}, {"days": 14}
ASKED = "holder.asked"


@pytest.fixture(params=["offer", "want"])
async def listing(request: pytest.FixtureRequest, holder: Trader) -> Json:
    return await (holder.offer if request.param == "offer" else holder.want)()


def side(listing: Json) -> str:
    return "offer" if "material" in listing else "want"


async def asked(sessions: Sessions, listing: Json) -> list[HolderAsked]:
    """The questions about a listing, as notifications reads them; and that they go to nobody else."""
    async with sessions() as session:
        rows = await session.execute(text("select headers, value, routes from outbox order by id"))
        found = [(read_event(row.headers, row.value), row.routes) for row in rows if row.headers["ce_type"] not in EVENT_TYPES]
    assert all(routes == [["ayni.questions", None]] for _, routes in found)
    return [event for event, _ in found if isinstance(event, HolderAsked) and event.subject == listing["id"]]


async def test_the_holder_is_asked_after_thirty_days_to_the_second_and_nobody_else_hears_of_it(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, stranger: Trader, listing: Json
) -> None:
    clock.move(**STALE, seconds=-1)
    assert await scheduler.catch_up() == 0
    clock.move(seconds=1)
    assert await scheduler.catch_up() == 1
    (question,) = await asked(sessions, listing)
    assert (question.version, question.data.organisation_id, question.data.side) == (1, holder.id, side(listing))
    assert (question.data.title, question.data.lapses_at) == (listing["title"], clock() + timedelta(days=14))
    assert str(question.data.answer_by) == "2027-01-07", "the day in Lima"
    assert await holder.read(listing) == listing | {"lapses_at": at(days=44)}, "being asked is no change: no version grows"
    assert (await stranger.read(listing))["lapses_at"] is None
    assert await types_told(sessions, listing) == [f"{side(listing)}.published", ASKED]
    assert await scheduler.catch_up() == 0, "it is asked once"


async def test_it_lapses_fourteen_days_after_a_question_without_an_answer(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, listing: Json
) -> None:
    clock.move(**STALE)
    await scheduler.catch_up()
    clock.move(**ANSWER, seconds=-1)
    assert await scheduler.catch_up() == 0
    clock.move(seconds=1)
    assert await scheduler.catch_up() == 1
    lapsed = await holder.read(listing)
    assert (lapsed["state"], lapsed["version"], lapsed["lapses_at"]) == ("lapsed", listing["version"] + 1, None)
    assert (await told(sessions, [listing]))[-1].type == f"{side(listing)}.lapsed"
    assert "publish it" in problem(await holder.call("POST", f"{path_of(listing)}/keep"), 409)["detail"]

    back = await holder.post(f"{path_of(listing)}/publish")
    assert (back["state"], back["published_at"], back["lapses_at"]) == ("published", at(days=44), None), "it may come back as it is"
    clock.move(**STALE)
    assert await scheduler.catch_up() == 1
    assert [question.version for question in await asked(sessions, listing)] == [1, 2]


async def test_a_lapse_without_an_answer_voids_what_was_accepted(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, seeker: Trader
) -> None:
    offer = await holder.offer()
    clock.move(**STALE)
    want = await seeker.want()
    await scheduler.catch_up()
    await seeker.answered(offer, want, "accept")
    clock.move(**ANSWER)
    assert await scheduler.catch_up() == 1
    assert (await seeker.get("/v1/deals"))["items"][0]["state"] == "open"
    assert (await types_told(sessions))[-2:] == ["deal.voided", "offer.lapsed"]


async def test_one_call_answers_and_it_is_asked_again_after_thirty_days_more(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, listing: Json
) -> None:
    clock.move(**STALE)
    await scheduler.catch_up()
    clock.move(days=13)
    for _ in range(2):
        answer = await holder.call("POST", f"{path_of(listing)}/keep")
        assert (answer.status_code, answer.json()) == (200, listing), "kept: not a field, not a version has changed"
        assert answer.headers["etag"] == f'"{listing["version"]}"'
    clock.move(**STALE, seconds=-1)
    assert await scheduler.catch_up() == 0
    clock.move(seconds=1)
    assert await scheduler.catch_up() == 1
    assert [question.version for question in await asked(sessions, listing)] == [1, 2]
    assert await types_told(sessions, listing) == [f"{side(listing)}.published", ASKED, ASKED]


async def _patch(holder: Trader, _: Trader, listing: Json) -> None:
    await holder.patch(listing, title="Otro título")


async def _patch_without_effect(holder: Trader, _: Trader, listing: Json) -> None:
    await holder.patch(listing, title=listing["title"])


async def _publish_anew(holder: Trader, _: Trader, listing: Json) -> None:
    for verb in ("withdraw", "publish"):
        await holder.post(f"{path_of(listing)}/{verb}")


async def _accept_a_match(holder: Trader, seeker: Trader, listing: Json) -> None:
    await holder.answered(*await _pair(seeker, listing), "accept")


async def _decline_a_match(holder: Trader, seeker: Trader, listing: Json) -> None:
    await holder.answered(*await _pair(seeker, listing), "decline")


async def _import_the_same(holder: Trader, _: Trader, listing: Json) -> None:
    """A spreadsheet sent every night says of each of its lines that it still stands."""
    sheet = (await holder.call("GET", f"/v1/{side(listing)}s/export")).content
    answer = await holder.call("POST", f"/v1/{side(listing)}s/import", headers={"content-type": "text/csv"}, content=sheet)
    assert answer.json() == {"created": 0, "updated": 0, "rejected": []}, answer.text
    assert (await holder.read(listing))["version"] == listing["version"]


async def _pair(other: Trader, listing: Json) -> tuple[Json, Json]:
    return (listing, await other.want()) if side(listing) == "offer" else (await other.offer(), listing)


ACTS: list[Callable[[Trader, Trader, Json], Awaitable[None]]] = [
    _patch,
    _patch_without_effect,
    _publish_anew,
    _accept_a_match,
    _decline_a_match,
    _import_the_same,
]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("is_asked", [True, False], ids=["after the question", "before it"])
async def test_whatever_the_holder_does_with_it_counts_as_an_answer(
    scheduler: Scheduler,
    clock: FakeClock,
    holder: Trader,
    seeker: Trader,
    listing: Json,
    act: Callable[..., Awaitable[None]],
    is_asked: bool,
) -> None:
    clock.move(days=30 if is_asked else 29)
    assert await scheduler.catch_up() == is_asked
    await act(holder, seeker, listing)
    acted = clock()
    clock.now = acted + timedelta(days=30, seconds=-1)
    assert await scheduler.catch_up() == 0
    assert (await holder.read(listing))["state"] == "published"


async def test_what_others_do_with_it_is_no_answer(
    scheduler: Scheduler, clock: FakeClock, holder: Trader, seeker: Trader, listing: Json
) -> None:
    clock.move(days=29)
    await seeker.answered(*await _pair(seeker, listing), "accept")
    clock.move(days=1)
    assert await scheduler.catch_up() == 1


async def test_only_its_owner_answers_and_only_for_what_is_on_the_market(
    sessions: Sessions, holder: Trader, stranger: Trader, listing: Json
) -> None:
    draft = await (holder.offer if side(listing) == "offer" else holder.want)(publish=False)
    stood = await written(sessions)
    problem(await stranger.call("POST", f"{path_of(listing)}/keep"), 403)
    problem(await stranger.call("POST", f"{path_of(draft)}/keep"), 404)
    assert "draft" in problem(await holder.call("POST", f"{path_of(draft)}/keep"), 409)["detail"]
    assert await written(sessions) == stood


async def test_nobody_is_asked_about_what_is_off_the_market_or_ends_by_itself(
    scheduler: Scheduler, clock: FakeClock, holder: Trader, seeker: Trader
) -> None:
    await holder.offer(publish=False)
    await holder.want(publish=False)
    withdrawn = await holder.offer()
    await holder.post(f"{path_of(withdrawn)}/withdraw")
    full, want = await holder.offer(), await seeker.want(maximum=kilo(2000))
    for member in (holder, seeker):
        await member.answered(full, want, "accept")
    ends = await holder.offer(available_until=at(days=30))
    clock.move(days=30)
    assert await scheduler.catch_up() == 1
    assert (await holder.read(ends))["state"] == "lapsed"


async def test_what_opens_again_after_long_is_asked_about_and_has_its_whole_time_to_answer(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, seeker: Trader
) -> None:
    """Asked, then used up by the other side's late acceptance, then released: the old question must not make it lapse at once."""
    offer, want = await holder.offer(), await seeker.want()
    await holder.answered(offer, want, "accept")
    clock.move(**STALE)
    assert await scheduler.catch_up() == 2
    await seeker.answered(offer, want, "accept")
    assert (await holder.read(offer))["state"] == "exhausted"
    clock.move(days=20)
    await seeker.answered(offer, want, "release", reason="No pude recogerlo")
    assert await scheduler.catch_up() == 1
    assert (await holder.read(offer))["lapses_at"] == at(days=64)
    assert [question.version for question in await asked(sessions, offer)] == [1, 2]


async def test_both_spans_are_settings(
    sessions: Sessions, catalogue: Catalogue, settings: ListingsSettings, clock: FakeClock, holder: Trader, listing: Json
) -> None:
    ours = settings.model_copy(update={"stale_after_days": 10, "answer_within_days": 2.5})
    scheduler = Scheduler(sessions, Rules(catalogue), ours, clock)
    clock.move(days=10)
    assert await scheduler.catch_up() == 1
    clock.move(days=2, hours=12, seconds=-1)
    assert await scheduler.catch_up() == 0
    clock.move(seconds=1)
    assert await scheduler.catch_up() == 1
    assert (await holder.read(listing))["state"] == "lapsed"


async def test_after_two_months_of_downtime_the_question_comes_first_and_has_its_whole_time(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, listing: Json
) -> None:
    clock.move(days=60)
    assert await scheduler.catch_up() == 1
    assert (await holder.read(listing))["lapses_at"] == at(days=74)
    assert len(await asked(sessions, listing)) == 1


async def test_two_schedulers_and_a_restart_ask_once_and_let_it_lapse_once(
    sessions: Sessions, catalogue: Catalogue, settings: ListingsSettings, clock: FakeClock, holder: Trader, listing: Json
) -> None:
    for span in (STALE, ANSWER):
        clock.move(**span)
        for _ in range(2):
            two = [Scheduler(sessions, Rules(catalogue), settings, clock) for _ in range(2)]
            await asyncio.gather(*(one.catch_up() for one in two))
    assert await types_told(sessions, listing) == [f"{side(listing)}.published", ASKED, f"{side(listing)}.lapsed"]


async def test_a_clock_set_back_an_hour_neither_asks_again_nor_forgets_the_question(
    sessions: Sessions, scheduler: Scheduler, clock: FakeClock, holder: Trader, listing: Json
) -> None:
    clock.move(**STALE)
    assert await scheduler.catch_up() == 1
    clock.move(hours=-1)
    assert await scheduler.catch_up() == 0
    clock.move(hours=1)
    assert await scheduler.catch_up() == 0
    assert (await holder.read(listing))["lapses_at"] == at(days=44)
    assert len(await asked(sessions, listing)) == 1
