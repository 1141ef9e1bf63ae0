"""An owner of `ayni.standing` on the real bus: invariants 2 and 3, what it rebuilds, what it undoes, and what it waits for."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import asyncpg
import pytest

from contracts.listings import OfferFact
from contracts.topics import STANDING, dead_letters_of
from kit.bus import TopicPartition
from services.matching.bucket import Rulebook
from services.matching.market import Market
from tests.integration.matching.owners import Owner, Standing
from tests.patience import until_found
from tests.reference.telling import History
from tests.unit.matching.trading import (
    CATALOGUE,
    COTTON,
    HOLDER,
    RULEBOOK,
    SEEKER,
    STEEL,
    changed,
    event_of,
    offer,
    partitions_of,
    some_history,
    want,
    withdrawn,
)

MOON_SILK = "textile.moon_silk"
TEXTILE, METAL = CATALOGUE.partitions["textile"], CATALOGUE.partitions["metal"]


def assert_equal(found: Market, expected: Market) -> None:
    """In all that is kept, and in every list."""
    assert found is not expected
    assert found.facts == expected.facts
    assert found.told == expected.told
    assert found.answers == expected.answers
    for fact in expected.facts.values():
        for bucket in expected.buckets_of(fact):
            assert found.ranking(fact, bucket).ids == expected.ranking(fact, bucket).ids
            assert found.blocked(fact, bucket).ids == expected.blocked(fact, bucket).ids


@pytest.mark.parametrize("seed", range(2))
async def test_a_history_with_redelivery_and_reordering_tells_what_the_reference_tells(standing: Standing, seed: int) -> None:
    random = Random(seed)
    events = some_history(random, 60)
    again = events + random.choices(events, k=30)
    random.shuffle(again)
    histories = {number: History(RULEBOOK, number) for event in again for number in partitions_of(event)}
    for event in again:
        for number in partitions_of(event):
            histories[number].hear(event)
    await standing.owner("one")

    for begin in range(0, len(again), 7):
        await standing.publish(*again[begin : begin + 7])
    await standing.handled()

    told, lapsed = await standing.told(), await standing.lapsed()
    assert told == sum((history.told for history in histories.values()), start=type(told)())
    assert lapsed == sum((history.lapsed for history in histories.values()), start=type(lapsed)())
    assert told.total() > 10


async def test_a_batch_delivered_again_after_a_crash_before_the_offset_was_committed_tells_nothing_twice(standing: Standing) -> None:
    offered, wanted = event_of(offer()), event_of(want())
    first = await standing.owner("first")
    await standing.publish(offered, wanted)
    await standing.handled()
    await first.end()
    before = await standing.told()
    assert before.total() == 2

    await standing.pool.execute("update bus.offsets set position = 0 where consumer_group = 'matching'")
    second = await standing.owner("second")
    await standing.publish(marker := event_of(offer()))
    await standing.committed(marker)
    await standing.handled()

    after = await standing.told()
    assert {pair: after[pair] for pair in before} == before
    assert second.outcomes == [None] * len(second.outcomes)
    assert len(second.ownership.markets[TEXTILE].facts) == 3


async def test_a_version_that_was_passed_changes_nothing(standing: Standing) -> None:
    fitting = offer()
    gone = withdrawn(fitting)
    owner = await standing.owner("one")
    await standing.publish(event_of(want()), event_of(gone))
    await standing.publish(event_of(fitting), event_of(changed(fitting, version=1)))
    await standing.handled()
    assert await standing.told() == {}
    assert owner.ownership.markets[TEXTILE].facts[fitting.id] == gone


@pytest.mark.parametrize("seed", range(2))
async def test_a_rebuilt_market_is_the_one_that_was_there(standing: Standing, seed: int) -> None:
    events = some_history(Random(seed), 60)
    first = await standing.owner("first")
    await standing.publish(*events)
    await standing.handled()
    before = dict(first.ownership.markets)
    await first.end()

    second = await standing.owner("second")

    assert sum(len(market.told) for market in before.values()) > 5
    for number, market in before.items():
        assert_equal(second.ownership.markets[number], market)


async def test_a_want_that_comes_into_a_bucket_later_is_matched_there_and_lapses_where_it_left(standing: Standing) -> None:
    cotton, steel = event_of(offer()), event_of(offer(material=STEEL))
    first = want(accepts=[COTTON])
    then = changed(first, accepts=[{"material": STEEL, "weight": 1.0}])
    await standing.owner("one")
    await standing.publish(cotton, steel, event_of(first))
    await standing.publish(event_of(then), partitions=partitions_of(event_of(first)) | partitions_of(event_of(then)))
    await standing.handled()
    assert set(await standing.told()) == {((id, first.id), side) for id in (cotton.data.id, steel.data.id) for side in (HOLDER, SEEKER)}  # type: ignore[attr-defined]
    assert await standing.lapsed() == {(cotton.data.id, first.id): 1}  # type: ignore[attr-defined]


async def test_a_batch_that_fails_before_its_commit_is_undone_and_told_once_when_it_is_taken_again(standing: Standing) -> None:
    owner = await standing.owner("one")
    await standing.publish(event_of(offer()))
    await standing.handled()
    market = owner.ownership.markets[TEXTILE]

    async def fail_once(point: str) -> None:
        if point == "before_commit":
            owner.handler.at = undone
            raise ConnectionError("the database is away")

    async def undone(point: str) -> None:
        if point == "before_fence":
            assert len(market.facts) == 1
            assert not market.told

    owner.handler.at = fail_once
    await standing.publish(event_of(want()))
    await standing.handled()
    assert [type(outcome) for outcome in owner.outcomes] == [type(None), ConnectionError, type(None)]
    assert owner.ownership.markets[TEXTILE] is market
    assert (await standing.told()).total() == 2


async def test_what_fails_by_itself_is_buried_and_the_market_is_read_as_before(standing: Standing) -> None:
    """A material that this catalogue does not have fails while the index takes it; the market must not be away until the next record."""
    owner = await standing.owner("one")
    offered, wanted, poison = offer(), want(), offer(material=MOON_SILK)
    await standing.publish(event_of(offered))
    await standing.publish(event_of(poison), event_of(wanted), partitions=[TEXTILE])
    await standing.handled()
    market = owner.ownership.markets[TEXTILE]
    assert market.ranking(offered, "textile").ids == (wanted.id,)
    assert poison.id not in market.facts
    letters = [record async for record in standing.bus.browse(dead_letters_of("matching"))]
    assert [record.headers["ce_subject"] for record in letters] == [str(poison.id)]


async def test_a_commit_whose_outcome_nobody_knows_loses_nothing(standing: Standing, admin_dsn: str) -> None:
    """The connection ends while the server still commits. To rebuild at once would read without what is being committed, and the inbox
    would then skip it as done; so the partition is taken anew, behind the fence."""
    admin = await asyncpg.connect(admin_dsn)
    await admin.execute(
        "create sequence matching.commits; create function matching.dawdle() returns trigger language plpgsql security definer as $$"
        " begin if nextval('matching.commits') = 1 then perform pg_sleep(30); end if; return null; end $$;"
        " create constraint trigger dawdles after insert on matching.standing deferrable initially deferred"
        " for each row when (new.side = 'offer') execute function matching.dawdle()"
    )
    offered, wanted = event_of(offer()), event_of(want())
    owner = await standing.owner("one")
    await standing.publish(offered)

    async def committing() -> Any:
        return await admin.fetchval("select pid from pg_stat_activity where query = 'COMMIT;' and state = 'active'")

    pid = await until_found(committing, "the commit has begun")
    lost = [holder._con for holder in owner.ownership.pool._holders if holder._con and holder._con.get_server_pid() == pid]
    lost[0].terminate()  # this side hangs up; the server goes on
    await until_found(lambda: _first_outcome(owner), "the batch has failed here")
    await admin.close()

    await standing.publish(wanted)
    await standing.committed(offered, wanted)
    await standing.handled()
    assert (await standing.told()).total() == 2


async def _first_outcome(owner: Owner) -> bool:
    return any(owner.outcomes)


async def test_an_owner_pauses_at_an_event_of_a_newer_catalogue_and_its_successor_with_that_catalogue_goes_on(standing: Standing) -> None:
    newer = Rulebook(replace(CATALOGUE, version=CATALOGUE.version + 1), RULEBOOK.country)
    early, wanted = offer(), want()
    ahead, behind = offer(catalogue_version=newer.catalogue.version), offer()
    other = offer(material=STEEL)
    old = await standing.owner("old")
    await standing.publish(event_of(wanted), event_of(early), event_of(ahead), event_of(behind))
    await standing.publish(event_of(other))

    await standing.committed(event_of(early), event_of(other))
    await until_found(lambda: _first_outcome(old), "the owner has come to the newer event")
    assert {pair for (pair, _) in await standing.told()} == {(early.id, wanted.id)}, "what came before is told, other partitions go on"
    assert not [record async for record in standing.bus.browse(dead_letters_of("matching"))]
    await old.end()

    await standing.owner("new", rulebook=newer)
    await standing.handled()
    assert {pair for (pair, _) in await standing.told()} == {(one.id, wanted.id) for one in (early, ahead, behind)}
    assert max((await standing.told()).values()) == 1


def newer_rulebook() -> Rulebook:
    """A catalogue to come: one material more."""
    silk = CATALOGUE.materials[COTTON].model_copy(update={"code": MOON_SILK})
    catalogue = replace(CATALOGUE, version=CATALOGUE.version + 1, materials={**CATALOGUE.materials, MOON_SILK: silk})
    return Rulebook(catalogue, RULEBOOK.country)


async def test_an_owner_that_finds_a_material_it_does_not_know_leaves_that_market_alone_and_matches_the_rest(standing: Standing) -> None:
    newer = newer_rulebook()
    ahead = offer(catalogue_version=newer.catalogue.version, material=MOON_SILK)
    first = await standing.owner("new", rulebook=newer)
    await standing.publish(event_of(ahead), partitions=[TEXTILE])
    await standing.handled()
    await first.end()

    second = await standing.owner("old")
    wanted, steel = want(), offer(material=STEEL)
    await standing.publish(event_of(wanted), event_of(steel))
    await standing.committed(event_of(steel))
    assert TEXTILE not in second.ownership.markets
    assert await standing.pool.fetchval("select is_ready from partition_owner where partition = $1", TEXTILE) is False
    await second.end()

    third = await standing.owner("new again", rulebook=newer)
    await standing.handled()
    assert {ahead.id, wanted.id} <= third.ownership.markets[TEXTILE].facts.keys()


async def test_a_market_of_a_newer_catalogue_whose_materials_are_all_known_is_matched_after_a_step_back(standing: Standing) -> None:
    newer = newer_rulebook()
    first = await standing.owner("new", rulebook=newer)
    ahead, wanted = offer(catalogue_version=newer.catalogue.version), want()
    await standing.publish(event_of(ahead))
    await standing.handled()
    await first.end()

    await standing.owner("old")
    await standing.publish(event_of(wanted))
    await standing.handled()
    assert {pair for (pair, _) in await standing.told()} == {(ahead.id, wanted.id)}


async def test_a_partition_that_comes_back_unchanged_keeps_its_index_and_one_that_another_had_does_not(standing: Standing) -> None:
    owner = await standing.owner("one")
    await standing.publish(event_of(offer()), event_of(offer(material=STEEL)))
    await standing.handled()
    before, epochs = dict(owner.ownership.markets), dict(owner.ownership.epochs)
    both = frozenset(TopicPartition(STANDING, number) for number in (TEXTILE, METAL))

    await owner.ownership.revoked(both)
    assert TEXTILE not in owner.ownership.markets
    await standing.pool.execute("update partition_owner set epoch = epoch + 1, address = 'other' where partition = $1", METAL)
    await owner.ownership.assigned(both)

    assert owner.ownership.markets[TEXTILE] is before[TEXTILE]
    assert owner.ownership.epochs[TEXTILE] == epochs[TEXTILE]
    assert owner.ownership.epochs[METAL] == epochs[METAL] + 2
    assert_equal(owner.ownership.markets[METAL], before[METAL])


async def test_a_record_that_cannot_be_read_is_buried_and_the_next_is_taken(standing: Standing) -> None:
    await standing.owner("one")
    spoilt, wanted, offered = event_of(want()), event_of(want()), event_of(offer())
    await standing.bus.publish([standing.message(spoilt, TEXTILE, value=b'{"id": 1}')])
    await standing.publish(wanted, offered)
    await standing.handled()
    assert isinstance(offered.data, OfferFact)
    assert {pair for (pair, _) in await standing.told()} == {(offered.data.id, wanted.data.id)}  # type: ignore[attr-defined]
    assert len([record async for record in standing.bus.browse(dead_letters_of("matching"))]) == 1
