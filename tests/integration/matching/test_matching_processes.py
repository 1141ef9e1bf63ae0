"""Several processes of matching over HTTP: whichever is asked answers as one would; and while a partition changes hands."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any
from uuid import UUID

from contracts.topics import STANDING
from kit.bus import TopicPartition
from kit.identity import ALL_SCOPES, INTERNAL, Caller
from services.matching.owners import Owner as Row
from services.matching.vigil import Vigil
from tests.integration.matching.neighbours import TOKEN, side_of
from tests.integration.matching.processes import Market, Process
from tests.unit.matching.trading import CATALOGUE, HOLDER, SEEKER, STEEL, deal_event, event_of, offer, some_history, want

TEXTILE = CATALOGUE.partitions["textile"]
IN_TEXTILE = frozenset([TopicPartition(STANDING, TEXTILE)])


def owner_of(partition: int, *processes: Process) -> Process:
    (found,) = [process for process in processes if partition in process.ownership.markets]
    return found


def other_than(process: Process, *processes: Process) -> Process:
    return next(one for one in processes if one is not process)


async def whole_lists(process: Process, facts: list[Any]) -> dict[tuple[UUID, str | None], list[Any]]:
    """Every list of every listing, page by page, as this process tells it."""
    found = {}
    for fact in facts:
        for state in (None, "blocked"):
            query = {side_of(fact): fact.id} | ({} if state is None else {"state": state})
            found[fact.id, state] = await process.member(fact.organisation_id).pages(limit=3, **query)
    return found


async def test_whichever_process_is_asked_lists_and_pages_as_one_process_does(market: Market) -> None:
    alone = await market.process()
    await market.publish(*(event for event in some_history(Random(4), 25) if event.TYPE.startswith(("pe.ayni.offer", "pe.ayni.want"))))
    several = want(accepts=[STEEL])
    drums = [offer(material=code, amount=1000 + n) for n, code in enumerate(("packaging.steel_drums", "rubber.tyre_wire", STEEL) * 3)]
    await market.publish(event_of(several), *map(event_of, drums))
    await market.standing.handled()
    facts = list(market.listings.facts.values())
    before = await whole_lists(alone, facts)
    assert len(before[several.id, None]) >= 9

    second, third = await market.process(), await market.process()
    await market.shared(alone, second, third)
    owners = {owner_of(number, alone, second, third).address for number in market.listings.partitions[several.id]}
    assert len(owners) > 1, "the want's buckets have several owners"
    for process in (alone, second, third):
        assert await whole_lists(process, facts) == before


async def test_matches_are_read_and_answered_on_any_process(market: Market) -> None:
    first, second = await market.process(), await market.process()
    await market.shared(first, second)
    offered, wanted = offer(), want()
    await market.publish(event_of(offered), event_of(wanted))
    path = f"/v1/matches/{offered.id}.{wanted.id}"
    await market.standing.handled()
    owner = owner_of(TEXTILE, first, second)
    elsewhere = other_than(owner, first, second)

    assert await elsewhere.member(HOLDER).get(path) == await owner.member(HOLDER).get(path)
    assert (await elsewhere.member(UUID(int=99)).call("GET", path)).status_code == 404
    assert (await elsewhere.member(SEEKER).post(f"{path}/accept", {"quantity_kg": "700"}))["state"] == "offered"
    assert (await owner.member(HOLDER).get(path))["accepted_by"] == [str(SEEKER)]
    assert (await elsewhere.member(HOLDER).post(f"{path}/accept"))["state"] == "agreed"
    for process in (owner, elsewhere):
        assert [item["state"] for item in await process.member(HOLDER).pages(offer=offered.id, state="agreed")] == ["agreed"]
        assert await process.member(HOLDER).pages(offer=offered.id) == []
    refused = await elsewhere.member(HOLDER).call("POST", f"{path}/decline", key="once")
    assert refused.status_code == 200
    market.listings.refusal = (409, "terms-changed", "the offer is at version 2")
    refused = await elsewhere.member(HOLDER).call("POST", f"{path}/accept")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:ayni:problem:terms-changed")
    released = await elsewhere.member(HOLDER).call("DELETE", f"{path}/answer")
    assert released.status_code == 409


async def test_a_listing_just_published_is_waited_for_at_its_owner(market: Market) -> None:
    first, second = await market.process(), await market.process()
    await market.shared(first, second)
    elsewhere = other_than(owner_of(TEXTILE, first, second), first, second)
    wanted = want()
    await market.publish(event_of(wanted))
    offered = event_of(offer())
    numbers = market.listings.hear(offered)
    reading = asyncio.create_task(elsewhere.member(HOLDER).pages(offer=offered.subject))
    await market.standing.publish(offered, partitions=numbers)
    assert [item["want_id"] for item in await reading] == [str(wanted.id)]


async def asked_inside(process: Process, path: str) -> int:
    headers = Caller(HOLDER, None, frozenset(ALL_SCOPES)).headers() | {INTERNAL: TOKEN}
    return (await process.http.get(path, headers=headers)).status_code


async def test_an_owner_that_has_lost_its_partition_refuses_and_the_asker_looks_again(market: Market) -> None:
    """The former owner believes that it owns the partition still; the table says otherwise."""
    first, second = await market.process(), await market.process()
    await market.shared(first, second)
    offered, wanted = offer(), want()
    await market.publish(event_of(offered), event_of(wanted))
    await market.standing.handled()
    former = owner_of(TEXTILE, first, second)
    successor = other_than(former, first, second)
    inside = f"/internal/partitions/{TEXTILE}/matches/{offered.id}.{wanted.id}"
    assert await asked_inside(former, inside) == 200
    assert await asked_inside(successor, inside) == 421
    assert (await former.member(HOLDER).get("/v1/matches", offer=offered.id))["items"]

    await successor.ownership.assigned(IN_TEXTILE)
    assert TEXTILE in former.ownership.markets, "nobody has told it"
    later = event_of(want())
    await market.publish(later)  # its record still goes to the former owner, whose effect is fenced off
    for process in (former, successor):
        items = await process.member(HOLDER).pages(offer=offered.id)
        assert str(wanted.id) in [item["want_id"] for item in items]
    await market.standing.handled()
    for process in (former, successor):
        process.ownership.owners.forget()  # what it knows of owners may be a second old
    for process in (former, successor):
        assert {item["want_id"] for item in await process.member(HOLDER).pages(offer=offered.id)} == {str(wanted.id), later.subject}


async def test_without_an_owner_a_reader_waits_for_one_and_is_sent_away_when_none_comes(market: Market) -> None:
    process = await market.process(waits_for_owner_seconds=8)
    offered = offer()
    await market.publish(event_of(offered))
    await market.standing.handled()
    await process.ownership.revoked(IN_TEXTILE)
    answer = await process.member(HOLDER).call("GET", "/v1/matches", offer=offered.id)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")

    reading = asyncio.create_task(process.member(HOLDER).call("GET", "/v1/matches", offer=offered.id))
    await process.ownership.assigned(IN_TEXTILE)
    assert (await reading).status_code == 200, "an owner that comes within that time answers"


async def test_an_owner_that_is_gone_without_a_word_is_waited_for_until_another_has_taken_over(market: Market) -> None:
    first, second = await market.process(), await market.process()
    await market.shared(first, second)
    offered, wanted = offer(), want()
    await market.publish(event_of(offered), event_of(wanted))
    await market.standing.handled()
    owner = owner_of(TEXTILE, first, second)
    elsewhere = other_than(owner, first, second)
    stopping = asyncio.create_task(owner.stop())
    items = await elsewhere.member(HOLDER).pages(offer=offered.id)
    await stopping
    assert [item["want_id"] for item in items] == [str(wanted.id)]
    assert [item["want_id"] for item in await elsewhere.member(HOLDER).pages(offer=offered.id)] == [str(wanted.id)]


async def test_an_answer_given_elsewhere_is_known_to_a_successor_before_its_event_has_come(market: Market) -> None:
    first, second = await market.process(), await market.process()
    await market.shared(first, second)
    offered, wanted = offer(), want()
    await market.publish(event_of(offered), event_of(wanted))
    await market.standing.handled()
    owner = owner_of(TEXTILE, first, second)
    elsewhere = other_than(owner, first, second)
    path = f"/v1/matches/{offered.id}.{wanted.id}"
    assert (await elsewhere.member(HOLDER).post(f"{path}/decline"))["state"] == "declined"
    await owner.stop()
    await market.shared(elsewhere)
    assert (await elsewhere.member(HOLDER).get(path))["state"] == "declined"
    await market.standing.publish(deal_event(market.listings.deals[offered.id, wanted.id]))
    await market.standing.handled()
    assert (await elsewhere.member(HOLDER).get(path))["state"] == "declined"


async def test_a_partition_that_nobody_answers_for_is_taken_anew_by_whom_the_bus_gave_it_to(market: Market) -> None:
    """A former owner took it up once more before it was told that it is no longer its own: the table names it, and it refuses."""
    first, second = await market.process(doubts_owner_seconds=0.5), await market.process(doubts_owner_seconds=0.5)
    await market.shared(first, second)
    offered, wanted = offer(), want()
    await market.publish(event_of(offered), event_of(wanted))
    await market.standing.handled()
    owner = owner_of(TEXTILE, first, second)
    former = other_than(owner, first, second)
    epoch = owner.ownership.epochs[TEXTILE]
    await former.ownership.assigned(IN_TEXTILE)
    await former.ownership.revoked(IN_TEXTILE)
    for process in (former, owner):
        assert [item["want_id"] for item in await process.member(HOLDER).pages(offer=offered.id)] == [str(wanted.id)]
    assert owner.ownership.epochs[TEXTILE] == epoch + 2


async def test_a_process_that_the_bus_has_forgotten_to_tell_takes_nothing_from_an_owner_that_answers(market: Market) -> None:
    first, second = await market.process(doubts_owner_seconds=0.01), await market.process(doubts_owner_seconds=0.01)
    await market.shared(first, second)
    owner = owner_of(TEXTILE, first, second)
    forgotten = other_than(owner, first, second)
    epoch = owner.ownership.epochs[TEXTILE]
    forgotten.ownership.given.add(TEXTILE)
    vigil = Vigil(forgotten.ownership, forgotten.desk.peers, forgotten.desk.settings)
    for _ in range(3):
        await vigil.look()
    assert (await owner.ownership.owners.of(TEXTILE)) == Row(epoch, owner.address, is_ready=True)
    assert TEXTILE not in forgotten.ownership.markets


async def test_an_address_that_is_somebody_elses_by_now_is_taken_for_an_owner_that_is_away(market: Market) -> None:
    """After a restart the table may name an address at which another part answers, with problems and objects of its own."""
    process, stranger = await market.process(waits_for_owner_seconds=0.3, doubts_owner_seconds=3600), await market.stranger()
    offered = offer()
    await market.publish(event_of(offered), event_of(want()))
    await market.standing.handled()
    statement = "update partition_owner set address = $1, epoch = epoch + 1 where partition = $2"
    await market.standing.pool.execute(statement, stranger, TEXTILE)
    process.ownership.owners.forget()
    for path in ("/v1/matches", f"/v1/matches/{offered.id}.{offered.id}"):
        answer = await process.member(HOLDER).call("GET", path, **({} if path.endswith(str(offered.id)) else {"offer": offered.id}))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
