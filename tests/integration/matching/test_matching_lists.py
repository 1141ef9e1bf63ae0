"""Lists as they are read from one process: exact against the plain reference, to any depth; and what is waited for."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import pytest

from contracts.listings import DealFact, OfferFact
from tests.integration.matching.neighbours import side_of
from tests.integration.matching.processes import Market, Process
from tests.patience import until_found
from tests.reference.telling import NEVER_RANKED, History
from tests.unit.matching.trading import (
    COTTON,
    HOLDER,
    RULEBOOK,
    SEEKER,
    STEEL,
    changed,
    deal_event,
    event_of,
    offer,
    published_anew,
    soles,
    some_history,
    want,
    withdrawn,
)

EXACT = pytest.approx


def expected_list(histories: dict[int, History], fact: Any, state: str | None) -> list[tuple[UUID, Any]]:
    """What the reference lists, over all partitions, in order."""
    found = []
    for history in histories.values():
        for bucket in history.buckets_of(fact) if fact.state == "published" else ():
            for counterpart, verdict in history.best(fact, bucket, 1000, ("law",) if state == "blocked" else ()):
                answer = history.answers.get((fact.id, counterpart) if isinstance(fact, OfferFact) else (counterpart, fact.id))
                if state is None or answer is None or answer.state == "open":
                    found.append((counterpart, verdict))
    return sorted(found, key=lambda one: (-round(one[1].score, 10), round(one[1].distance_km, 6), str(one[0])))


async def assert_lists_as_the_reference(process: Process, histories: dict[int, History], fact: Any) -> int:
    """How many matches were compared."""
    member, compared = process.member(fact.organisation_id), 0
    for state in (None, "proposed", "blocked"):
        query = {side_of(fact): fact.id} | ({} if state is None else {"state": state})
        items, expected = await member.pages(limit=3, **query), expected_list(histories, fact, state)
        other = "want_id" if isinstance(fact, OfferFact) else "offer_id"
        assert [UUID(item[other]) for item in items] == [counterpart for counterpart, _ in expected]
        for item, (_, verdict) in zip(items, expected, strict=True):
            assert item["score"] == EXACT(verdict.score, rel=0, abs=1e-9)
            assert item["factors"] == EXACT(dict(verdict.factors), rel=0, abs=1e-9)
        compared += len(items)
    for state in NEVER_RANKED:
        items = await member.pages(limit=3, **{side_of(fact): fact.id, "state": state})
        answered = {pair for history in histories.values() for pair, deal in history.answers.items() if deal.state == state}
        assert {item["id"] for item in items} == {f"{pair[0]}.{pair[1]}" for pair in answered if fact.id in pair}
    return compared


async def played(market: Market, seed: int, steps: int = 60) -> dict[int, History]:
    """A random history, published; what each partition should make of it. Deals only of pairs that matching can know."""
    histories: dict[int, History] = {}
    for event in some_history(Random(seed), steps):
        if isinstance(event.data, DealFact):
            numbers = {number for id in (event.data.offer_id,) for number in market.listings.partitions[id]}
            numbers &= market.listings.partitions[event.data.want_id]
            await market.standing.publish(event, partitions=numbers)
        else:
            await market.publish(event)
            numbers = market.listings.partitions[UUID(event.subject)]
        for number in numbers:
            histories.setdefault(number, History(RULEBOOK, number)).hear(event)
    await market.standing.handled()
    return histories


@pytest.mark.parametrize("seed", range(2))
async def test_every_list_is_that_of_the_reference_to_any_depth(market: Market, seed: int) -> None:
    process = await market.process()
    histories = await played(market, seed)
    compared = [await assert_lists_as_the_reference(process, histories, fact) for fact in market.listings.facts.values()]
    assert sum(compared) > 20, "too thin a market to show anything"


async def test_a_blocked_pair_names_the_paper_that_is_missing_and_is_told_to_nobody(market: Market) -> None:
    process = await market.process()
    offered = offer(regime={"slug": "residuo_no_peligroso", "rule": "6", "source": "DL 1278 art. 75"})
    wanted = want()
    await market.publish(event_of(offered), event_of(wanted))
    await market.standing.handled()
    seeker = process.member(SEEKER)
    assert await seeker.pages(want=wanted.id) == []
    (item,) = await seeker.pages(want=wanted.id, state="blocked")
    assert (item["state"], item["blocked_by"]) == ("blocked", ["licence:eo_rs"])
    assert "EO-RS" in item["reasons"]["es"][-1]
    assert item["score"] > 0.5
    assert await market.standing.told() == {}
    assert (await seeker.get(f"/v1/matches/{item['id']}"))["state"] == "blocked"
    refused = await seeker.call("POST", f"/v1/matches/{item['id']}/accept")
    assert refused.status_code == 409
    assert "licence:eo_rs" in refused.json()["detail"]

    licensed = changed(wanted, holder={"kind": "firm", "licences": [{"kind": "eo_rs", "valid_until": None, "evidence": "checked"}]})
    await market.publish(event_of(licensed))
    await market.standing.handled()
    (item,) = await seeker.pages(want=wanted.id)
    assert (item["state"], item["evidence"]) == ("proposed", "checked")


async def test_a_told_pair_that_lapses_is_listed_as_lapsed_and_one_that_the_law_alone_closes_as_blocked(market: Market) -> None:
    process = await market.process()
    dear, waste, wanted = offer(), offer(), want()
    await market.publish(event_of(wanted), event_of(dear), event_of(waste))
    await market.publish(event_of(changed(dear, price=soles(900))))
    await market.publish(event_of(changed(waste, regime={"slug": "residuo_no_peligroso", "rule": "6", "source": "DL 1278"})))
    await market.standing.handled()
    seeker = process.member(SEEKER)
    assert [item["offer_id"] for item in await seeker.pages(want=wanted.id, state="lapsed")] == [str(dear.id)]
    assert [item["offer_id"] for item in await seeker.pages(want=wanted.id, state="blocked")] == [str(waste.id)]
    assert await seeker.pages(want=wanted.id) == []
    assert (await market.standing.lapsed()).total() == 2
    assert (await seeker.get(f"/v1/matches/{dear.id}.{wanted.id}"))["state"] == "lapsed"
    assert (await seeker.call("POST", f"/v1/matches/{dear.id}.{wanted.id}/accept")).status_code == 409


async def test_min_score_cuts_the_list_and_a_page_goes_on_behind_what_was_seen(market: Market) -> None:
    process = await market.process()
    offered = offer()
    wants = [want(max_price=soles(110 + number)) for number in range(12)]
    await market.publish(event_of(offered), *map(event_of, wants))
    await market.standing.handled()
    holder = process.member(HOLDER)
    whole = await holder.pages(limit=100, offer=offered.id)
    assert len(whole) == 12
    best = await holder.pages(limit=2, offer=offered.id, min_score=whole[4]["score"])
    assert [item["id"] for item in best] == [item["id"] for item in whole[:5]]

    first = await holder.get("/v1/matches", offer=offered.id, limit=5)
    await market.publish(event_of(withdrawn(wants[-1])), event_of(want(max_price=soles(300))))
    await market.standing.handled()
    rest = await holder.get("/v1/matches", offer=offered.id, limit=100, after=first["next"])
    assert [item["id"] for item in rest["items"]] == [item["id"] for item in whole[5:]]


async def test_a_listing_just_published_is_waited_for_and_a_draft_has_an_empty_list(market: Market) -> None:
    process = await market.process()
    wanted, draft = want(), offer(state="draft", published_at=None)
    await market.publish(event_of(wanted))
    market.listings.facts[draft.id] = draft
    assert await process.member(HOLDER).pages(offer=draft.id) == []

    offered = event_of(offer())
    numbers = market.listings.hear(offered)
    reading = asyncio.create_task(process.member(HOLDER).pages(offer=offered.subject))
    await asked(market, offered.subject)
    assert not reading.done()
    await market.standing.publish(offered, partitions=numbers)
    assert [item["want_id"] for item in await reading] == [str(wanted.id)]


async def asked(market: Market, id: str) -> None:
    """Waits until matching has asked listings about a listing."""

    async def is_asked() -> bool:
        return any(call.endswith(id) for call in market.listings.calls)

    await until_found(is_asked, "matching asks listings")


async def test_a_listing_published_anew_is_waited_for_at_its_new_version(market: Market) -> None:
    process = await market.process()
    wanted, offered = want(), offer()
    await market.publish(event_of(wanted), event_of(offered), event_of(withdrawn(offered)))
    await market.standing.handled()
    anew = event_of(published_anew(withdrawn(offered)))
    numbers = market.listings.hear(anew)
    reading = asyncio.create_task(process.member(HOLDER).pages(offer=offered.id))
    await asked(market, anew.subject)
    await market.standing.publish(anew, partitions=numbers)
    assert [item["want_id"] for item in await reading] == [str(wanted.id)]


async def test_a_listing_that_does_not_come_is_503_and_to_be_asked_for_again(market: Market) -> None:
    process = await market.process(waits_for_listing_seconds=0.1)
    offered = event_of(offer())
    market.listings.hear(offered)
    answer = await process.member(HOLDER).call("GET", "/v1/matches", offer=offered.subject)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_want_that_has_come_to_one_of_its_buckets_only_is_waited_for_in_the_other(market: Market) -> None:
    process = await market.process()
    cotton, steel, wanted = offer(), offer(material=STEEL), want(accepts=[COTTON, STEEL])
    await market.publish(event_of(cotton), event_of(steel))
    event = event_of(wanted)
    numbers = market.listings.hear(event)
    textile = RULEBOOK.partitions_of(cotton)
    await market.standing.publish(event, partitions=textile)
    await market.standing.handled()
    reading = asyncio.create_task(process.member(SEEKER).pages(want=wanted.id))
    await market.standing.publish(event, partitions=numbers - textile)
    assert {item["offer_id"] for item in await reading} == {str(cotton.id), str(steel.id)}


async def test_what_is_anothers_or_nobodys_is_refused(market: Market) -> None:
    process = await market.process()
    offered, gone = offer(), offer()
    await market.publish(event_of(offered), event_of(gone), event_of(withdrawn(gone)))
    await market.standing.handled()
    stranger, holder = process.member(UUID(int=99)), process.member(HOLDER)

    async def status(member: Any, path: str = "/v1/matches", **query: Any) -> int:
        answer = await member.call("GET", path, **query)
        assert answer.status_code < 400 or answer.headers["content-type"] == "application/problem+json"
        return int(answer.status_code)

    assert await status(stranger, offer=offered.id) == 403
    assert await status(stranger, offer=gone.id) == 404
    assert await status(holder, want=offered.id) == 404, "an offer is no want"
    assert await status(holder, offer=UUID(int=1)) == 404
    assert await status(holder) == 422
    assert await status(holder, offer=offered.id, want=offered.id) == 422
    assert await status(holder, offer=offered.id, after="WyJtYXRjaGVzIl0") == 422
    assert await status(holder, f"/v1/matches/{offered.id}.{UUID(int=3)}") == 404
    assert await status(holder, f"/v1/matches/{UUID(int=4)}.{UUID(int=3)}") == 404
    assert await status(holder, "/v1/matches/nothing") == 404


async def test_an_answer_given_in_a_bucket_that_the_want_has_left_is_still_listed(market: Market) -> None:
    process = await market.process()
    cotton, wanted = offer(), want(accepts=[COTTON])
    await market.publish(event_of(cotton), event_of(wanted))
    await market.standing.handled()
    agreed = market.listings.answered(cotton.id, wanted.id, "accept", HOLDER)
    agreed = market.listings.answered(cotton.id, wanted.id, "accept", SEEKER)
    await market.standing.publish(deal_event(agreed))
    await market.publish(event_of(changed(wanted, accepts=[{"material": STEEL, "weight": 1.0}])))
    await market.standing.handled()
    (item,) = await process.member(SEEKER).pages(want=wanted.id, state="agreed")
    assert (item["offer_id"], item["state"]) == (str(cotton.id), "agreed")
