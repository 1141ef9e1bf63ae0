"""Answers: kept if newer from the call's reply and from the event, in whichever order they come; and what may be answered."""

from __future__ import annotations

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from contracts.listings import DealFact
from tests.integration.matching.owners import Standing
from tests.integration.matching.processes import Market, Process
from tests.unit.matching.trading import HOLDER, SEEKER, deal_event, event_of, offer, soles, want, withdrawn

Pair = tuple[UUID, UUID]


async def matched(market: Market, *, more_wants: int = 0) -> tuple[Pair, str]:
    """A pair that is told, and the path of its match."""
    offered, wanted = offer(), want()
    await market.publish(event_of(offered), event_of(wanted), *(event_of(want(max_price=soles(150))) for _ in range(more_wants)))
    await market.standing.handled()
    return (offered.id, wanted.id), f"/v1/matches/{offered.id}.{wanted.id}"


async def states(process: Process, pair: Pair) -> dict[str | None, bool]:
    """In which lists of the offer the pair is."""
    member = process.member(HOLDER)
    lists: dict[str | None, Any] = {None: await member.pages(offer=pair[0])}
    for state in ("proposed", "offered", "agreed", "declined", "released", "lapsed"):
        lists[state] = await member.pages(offer=pair[0], state=state)
    return {state: f"{pair[0]}.{pair[1]}" in [item["id"] for item in items] for state, items in lists.items()}


def where(found: dict[str | None, bool]) -> set[str | None]:
    return {state for state, is_there in found.items() if is_there}


async def kept(standing: Standing, pair: Pair) -> tuple[int, str] | None:
    """The answer in the table."""
    row = await standing.pool.fetchrow("select version, state from answers where offer_id = $1 and want_id = $2", *pair)
    return None if row is None else (row["version"], row["state"])


async def test_an_answer_is_in_every_list_before_its_event_has_come(market: Market) -> None:
    process = await market.process()
    pair, path = await matched(market)
    holder, seeker = process.member(HOLDER), process.member(SEEKER)
    assert where(await states(process, pair)) == {None, "proposed"}

    first = await seeker.post(f"{path}/accept", {"quantity_kg": "700"})
    assert (first["state"], first["accepted_by"]) == ("offered", [str(SEEKER)])
    assert where(await states(process, pair)) == {None, "offered"}
    assert (await holder.post(f"{path}/accept"))["state"] == "agreed"
    assert where(await states(process, pair)) == {"agreed"}
    assert (await holder.post(f"{path}/release", {"reason": "no truck"}))["state"] == "released"
    assert where(await states(process, pair)) == {"released"}
    assert (await holder.call("DELETE", f"{path}/answer")).json()["state"] == "proposed"
    assert where(await states(process, pair)) == {None, "proposed"}
    assert await kept(market.standing, pair) == (4, "open")


@pytest.mark.parametrize("order", list(permutations(("reply", "event 1", "event 2"))))
async def test_the_newer_answer_is_kept_from_reply_and_events_in_any_order(market: Market, order: tuple[str, ...]) -> None:
    """The reply tells of version 2; the events of versions 1 and 2 of the same deal come before it, after it, or around it."""
    process = await market.process()
    pair, path = await matched(market)
    said: dict[str, DealFact] = {"event 1": market.listings.answered(*pair, "accept", HOLDER)}
    for what in order:
        if what == "reply":
            assert (await process.member(SEEKER).post(f"{path}/accept"))["state"] == "agreed"
        else:
            said.setdefault("event 2", market.listings.answered(*pair, "accept", SEEKER))
            await market.standing.publish(deal_event(said[what]))
            await market.standing.handled()
    assert await kept(market.standing, pair) == (2, "agreed")
    assert where(await states(process, pair)) == {"agreed"}
    (memory,) = (one for one in process.ownership.markets.values() if pair in one.answers)
    assert (memory.answers[pair].version, memory.answers[pair].state) == (2, "agreed")


async def test_a_declined_pair_makes_room_and_never_lapses(market: Market) -> None:
    process = await market.process()
    pair, path = await matched(market, more_wants=5)
    assert len(await process.member(HOLDER).pages(offer=pair[0])) == 6
    assert (await process.member(HOLDER).post(f"{path}/decline", {"reason": "too far"}))["state"] == "declined"
    assert len(await process.member(HOLDER).pages(offer=pair[0])) == 5
    await market.standing.publish(deal_event(market.listings.deals[pair]))
    await market.publish(event_of(withdrawn(market.listings.facts[pair[1]])))
    await market.standing.handled()
    assert (await market.standing.lapsed())[pair] == 0
    assert where(await states(process, pair)) == {"declined"}


async def test_an_open_acceptance_that_is_voided_lets_the_pair_lapse(market: Market) -> None:
    process = await market.process()
    pair, path = await matched(market)
    await process.member(HOLDER).post(f"{path}/accept")
    await market.standing.publish(deal_event(market.listings.deals[pair]))
    await market.publish(event_of(withdrawn(market.listings.facts[pair[1]])))
    await market.standing.handled()
    assert (await market.standing.lapsed())[pair] == 0, "what is offered does not lapse"
    await market.standing.publish(deal_event(market.listings.answered(*pair, "withdraw", HOLDER)))
    await market.standing.handled()
    assert (await market.standing.lapsed())[pair] == 1
    assert where(await states(process, pair)) == {"lapsed"}


async def test_what_is_no_match_of_mine_is_404_and_what_cannot_be_answered_now_409(market: Market) -> None:
    process = await market.process()
    pair, path = await matched(market)
    far = offer(material="glass.clear_cullet")
    await market.publish(event_of(far))
    await market.standing.handled()
    holder, stranger = process.member(HOLDER), process.member(UUID(int=99))

    async def status(member: Any, method: str, path: str) -> int:
        answer = await member.call(method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        return int(answer.status_code)

    for method, tail in (("POST", "/accept"), ("POST", "/decline"), ("POST", "/release"), ("DELETE", "/answer")):
        assert await status(stranger, method, path + tail) == 404
        assert await status(holder, method, f"/v1/matches/{far.id}.{pair[1]}{tail}") == 404
        assert await status(holder, method, f"/v1/matches/x.y{tail}") == 404
    assert await status(holder, "POST", f"{path}/release") == 409
    assert await status(holder, "DELETE", f"{path}/answer") == 409
    await market.publish(event_of(withdrawn(market.listings.facts[pair[1]])))
    await market.standing.handled()
    assert await status(holder, "POST", f"{path}/accept") == 409
    assert not market.listings.deals, "nothing of this came to listings"


async def test_what_listings_refuses_is_handed_on_as_it_is(market: Market) -> None:
    process = await market.process()
    pair, path = await matched(market)
    market.listings.refusal = (409, "terms-changed", "the offer is at version 2")
    answer = await process.member(HOLDER).call("POST", f"{path}/accept")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("terms-changed")
    assert await kept(market.standing, pair) is None
