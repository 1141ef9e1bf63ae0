"""What comes in: once each, in commit order, whatever is redelivered, reordered or done at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from contracts.envelope import Event, UnknownEventTypeError
from contracts.listings import DealAgreed, DealOffered, OfferChanged
from kit.clock import Clock
from kit.ids import new_id
from services.notifications.feed import entry_of
from services.notifications.reactions import Intake
from services.notifications.repository.feed import FeedReader, Filters
from services.notifications.service.notices import take_into_feed
from tests.integration.notifications.doubles import SOURCE, Take
from tests.unit.notifications.facts import (
    HOLDER,
    SEEKER,
    deal_event,
    match_event,
    match_fact,
    offer_event,
    record_of,
    small_catalogue,
    want_event,
)

Pool = asyncpg.Pool
EVERYTHING = Filters()


async def stored(pool: Pool) -> list[str]:
    return [str(row["event_id"]) for row in await pool.fetch("select event_id from feed order by position")]


async def noticed(pool: Pool) -> Counter[tuple[str, Any]]:
    return Counter((row["kind"], row["organisation_id"]) for row in await pool.fetch("select kind, organisation_id from notices"))


def ids(*events: Event) -> list[str]:
    return [str(event.id) for event in events]


async def test_redelivery_makes_nothing_twice(take: Take, pool: Pool) -> None:
    events = [offer_event(), want_event(), match_event(), deal_event(DealOffered, accepted_by=(HOLDER,))]

    await take(*events)
    await take(*events, *events)
    await take(events[2])

    assert await stored(pool) == ids(*events)
    assert await noticed(pool) == {("match.proposed", SEEKER): 1, ("listing.matched", HOLDER): 1, ("deal.offered", SEEKER): 1}


async def test_effects_exist_once_even_when_the_feed_has_forgotten_the_event(take: Take, pool: Pool) -> None:
    event = match_event()
    await take(event)
    await pool.execute("delete from feed")

    await take(event)

    assert await stored(pool) == []
    assert await noticed(pool) == {("match.proposed", SEEKER): 1, ("listing.matched", HOLDER): 1}


async def test_a_version_that_has_passed_is_ignored(take: Take, pool: Pool) -> None:
    offered, deal_id = offer_event(version=1), new_id()
    changed = offer_event(OfferChanged, version=2, subject=offered.data.id)  # type: ignore[attr-defined]
    agreed, late = (
        deal_event(DealAgreed, version=2, deal_id=deal_id),
        deal_event(DealOffered, version=1, deal_id=deal_id, accepted_by=(HOLDER,)),
    )

    await take(changed, agreed)
    await take(offered, late)

    assert await stored(pool) == ids(changed, agreed)
    assert await noticed(pool) == {("deal.agreed", HOLDER): 1, ("deal.agreed", SEEKER): 1}


async def test_a_telling_that_comes_late_still_becomes_its_notice(take: Take, pool: Pool) -> None:
    fact = match_fact(cause="offer")
    again = match_fact(fact.offer_id, fact.want_id, cause="want")
    first, second = match_event(fact, version=1), match_event(again, version=2)

    await take(second)
    await take(first)

    assert await stored(pool) == ids(second)
    assert await noticed(pool) == {(kind, side): 1 for kind in ("match.proposed", "listing.matched") for side in (HOLDER, SEEKER)}


async def test_the_notice_of_a_listing_is_written_when_its_whole_ranking_is_in(take: Take, pool: Pool) -> None:
    offer_id, standing = new_id(), new_id()
    ranking = [
        match_event(match_fact(offer_id, count=3, score=0.6)),
        match_event(match_fact(offer_id, count=3, score=0.9)),
        match_event(match_fact(offer_id, count=3, told=(standing,), parties=(HOLDER, standing))),
    ]

    await take(ranking[0])
    await take(ranking[0])
    await take(ranking[2])
    assert ("listing.matched", HOLDER) not in await noticed(pool)
    await take(ranking[1])

    notice = await pool.fetchrow("select subject_id, version, partition, matches from notices where kind = 'listing.matched'")
    assert tuple(notice) == (str(offer_id), 1, 0, [ranking[1].subject, ranking[0].subject])
    assert await noticed(pool) == {("listing.matched", HOLDER): 1, ("match.proposed", SEEKER): 2, ("match.proposed", standing): 1}


async def test_a_want_has_one_notice_for_each_partition_that_ranked_it(take: Take, pool: Pool) -> None:
    want_id = new_id()

    await take(*(match_event(match_fact(want_id=want_id, cause="want", partition=partition)) for partition in (3, 9)))

    found = await pool.fetch("select partition from notices where kind = 'listing.matched' order by partition")
    assert [row["partition"] for row in found] == [3, 9]


async def test_a_ranking_gathered_by_two_processes_at_once_has_its_notice(pool: Pool, clock: Clock) -> None:
    processes = [Intake(pool, small_catalogue(), clock) for _ in range(4)]
    for _ in range(10):
        offer_id = new_id()
        ranking = [record_of(match_event(match_fact(offer_id, count=4))) for _ in processes]

        await asyncio.gather(*(process(SOURCE, [record]) for process, record in zip(processes, ranking, strict=True)))

        assert await pool.fetchval("select cardinality(matches) from notices where subject_id = $1", str(offer_id)) == 4


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda record: replace(record, value=b"{"), ValueError),
        (lambda record: replace(record, value=b"{}"), ValueError),
        (lambda record: replace(record, headers={**record.headers, "ce_id": "no id"}), ValueError),
        (lambda record: replace(record, headers={**record.headers, "ce_type": "pe.ayni.offer.published.v9"}), UnknownEventTypeError),
        (lambda record: record_of(match_event(match_fact(cause=None))), ValueError),
    ],
    ids=["no JSON", "another shape", "no id", "a type of tomorrow", "a proposal without a cause"],
)
async def test_a_poisoned_record_is_refused_and_nothing_of_its_batch_is_kept(
    intake: Intake, pool: Pool, spoil: Any, error: type[Exception]
) -> None:
    good = record_of(offer_event())

    with pytest.raises(error):
        await intake(SOURCE, [good, spoil(record_of(offer_event()))])
    assert await stored(pool) == []

    await intake(SOURCE, [good])
    assert len(await stored(pool)) == 1


async def waits_for_a_lock(pool: Pool) -> None:
    """Returns when some transaction does."""
    async with asyncio.timeout(60):
        while not await pool.fetchval("select exists (select from pg_locks where not granted)"):
            pass


async def test_a_writer_waits_for_one_that_has_not_committed_and_readers_see_neither(pool: Pool, intake: Intake, clock: Clock) -> None:
    reader, first, second = FeedReader(pool), offer_event(), offer_event()
    async with asyncio.TaskGroup() as group, pool.acquire() as slow, slow.transaction():
        await take_into_feed(slow, [entry_of(first, small_catalogue())], clock())
        group.create_task(intake(SOURCE, [record_of(second)]))
        await waits_for_a_lock(pool)
        assert (await reader.read(0, EVERYTHING, 100)).entries == []

    assert [entry.position for entry in (await reader.read(0, EVERYTHING, 100)).entries] == [1, 2]
    assert await stored(pool) == ids(first, second)


async def test_paging_while_others_write_misses_nothing_and_doubles_nothing(pool: Pool, clock: Clock) -> None:
    events = [[offer_event() for _ in range(60)] for _ in range(4)]
    reader = FeedReader(pool)

    async def write(mine: list[Event]) -> None:
        process = Intake(pool, small_catalogue(), clock)
        for start in range(0, len(mine), 3):
            await process(SOURCE, [record_of(event) for event in mine[start : start + 3]])

    writing = [asyncio.create_task(write(mine)) for mine in events]
    seen: list[int] = []
    position = 0
    while len(seen) < 240:
        is_over = all(task.done() for task in writing)
        looked = await reader.read(position, EVERYTHING, 7)
        seen += [entry.position for entry in looked.entries]
        position = looked.position
        assert looked.entries or not is_over, f"only {len(seen)} events came"
    await asyncio.gather(*writing)

    assert seen == list(range(1, 241))
    assert sorted(await stored(pool)) == sorted(event_id for mine in events for event_id in ids(*mine))
