"""What an answer may not do (matching.md, section 6): take more than there is or less than a side gives, pass a gate that has closed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kit.database import Sessions
from tests.integration.listings.conftest import Joins
from tests.integration.listings.traders import (
    BY_PRODUCT,
    NOW,
    FakeClock,
    Json,
    Trader,
    at,
    kilo,
    problem,
    told,
    written,
)


@pytest.mark.parametrize(
    ("of_offer", "of_want", "quantity_kg", "slug"),
    [
        ({}, {}, "2000.001", "gone"),
        ({}, {"maximum": kilo(1500)}, "1500.000000001", "gone"),
        ({"minimum_lot": kilo("0.5", "t")}, {}, "499.999", "below-minimum"),
        ({}, {"minimum": kilo(800), "accept_partial": False}, "799.999", "below-minimum"),
        ({"divisible": False}, {}, "1999.999", "below-minimum"),
    ],
)
async def test_a_quantity_outside_what_both_sides_say_is_refused(
    sessions: Sessions, holder: Trader, seeker: Trader, of_offer: Json, of_want: Json, quantity_kg: str, slug: str
) -> None:
    offer, want = await holder.offer(**of_offer), await seeker.want(**of_want)
    stood = await written(sessions)
    found = problem(await seeker.answer(offer, want, "accept", quantity_kg=quantity_kg), 409)
    assert found["type"].endswith(slug)
    assert await written(sessions) == stood


@pytest.mark.parametrize("quantity_kg", ["0", "-1", "NaN", "1E+3", "0.0000000001", 5, "1234567890123456"])
async def test_what_is_no_quantity_is_refused_by_name(holder: Trader, seeker: Trader, quantity_kg: Any) -> None:
    offer, want = await holder.offer(), await seeker.want()
    problem(await seeker.answer(offer, want, "accept", quantity_kg=quantity_kg), 422, "quantity_kg")


@pytest.mark.parametrize(
    ("of_offer", "of_want", "usual_kg"),
    [
        ({}, {"maximum": kilo(1500)}, "1500"),  # what is still wanted
        ({}, {}, "2000"),  # what is there
        ({}, {"maximum": None}, "500"),  # five minima, where no maximum is stated
        ({"minimum_lot": kilo(700)}, {"maximum": None}, "700"),  # or the minimum lot, if that is more
        ({"divisible": False}, {"maximum": None}, "2000"),  # all or nothing
    ],
)
async def test_an_answer_without_a_quantity_means_the_one_shown_with_the_match(
    holder: Trader, seeker: Trader, of_offer: Json, of_want: Json, usual_kg: str
) -> None:
    offer, want = await holder.offer(**of_offer), await seeker.want(**of_want)
    assert (await holder.answered(offer, want, "accept"))["quantity_kg"] == usual_kg


async def test_what_is_gone_meanwhile_is_refused_to_the_second_side_and_the_deal_stays_offered(
    sessions: Sessions, holder: Trader, seeker: Trader, joins: Joins
) -> None:
    offer, want = await holder.offer(), await seeker.want()
    quicker = await joins()
    hers = await quicker.want()
    for wanted in (want, hers):
        await holder.answered(offer, wanted, "accept", quantity_kg="1200")
    await quicker.answered(offer, hers, "accept", quantity_kg="1200")
    stood = await written(sessions)
    assert problem(await seeker.answer(offer, want, "accept", quantity_kg="1200"), 409)["type"].endswith("gone")
    assert await written(sessions) == stood
    assert (await seeker.get("/v1/deals"))["items"][0]["state"] == "offered"
    assert (await seeker.answered(offer, want, "accept", quantity_kg="800"))["state"] == "agreed", "what is left can still be had"
    assert (await holder.read(offer))["state"] == "exhausted"
    assert problem(await holder.answer(offer, await quicker.want(), "accept"), 409)["type"].endswith("gone")


@pytest.mark.parametrize(("of_offer", "of_want"), [("one_off", "recurring"), ("recurring", "one_off")])
async def test_one_lot_does_not_use_up_a_stream(holder: Trader, seeker: Trader, of_offer: str, of_want: str) -> None:
    offer, want = await holder.offer(rhythm=of_offer), await seeker.want(rhythm=of_want)
    await holder.answered(offer, want, "accept", quantity_kg="600")
    await seeker.answered(offer, want, "accept", quantity_kg="600")
    left, brought = (await holder.read(offer))["available"], (await seeker.read(want))["agreed"]
    assert (left, brought) == ((kilo(1400), kilo(0)) if of_offer == "one_off" else (kilo(2000), kilo(600)))
    await seeker.answered(offer, want, "release", reason="Se vendió a otro")
    assert ((await holder.read(offer))["available"], (await seeker.read(want))["agreed"]) == (kilo(2000), kilo(0))


# The law and the clock, once more and inside the transaction.

WASTE = BY_PRODUCT | {"own_process_by_product": False}


async def test_a_licence_that_ends_between_the_two_acceptances_closes_the_gate_at_midnight_in_lima(
    sessions: Sessions, holder: Trader, seeker: Trader, clock: FakeClock
) -> None:
    await seeker.licence("eo_rs", NOW.date().isoformat())
    offer, want = await holder.offer(facts=WASTE), await seeker.want()
    assert offer["regime"]["slug"] == "residuo_no_peligroso"
    await holder.answered(offer, want, "accept")
    clock.now = NOW.replace(day=25, hour=5, minute=0)  # 00:00 in Lima
    stood = await written(sessions)
    found = problem(await seeker.answer(offer, want, "accept"), 409)
    assert (found["type"].endswith("law"), "licence:eo_rs" in found["detail"]) == (True, True)
    assert await written(sessions) == stood
    clock.move(seconds=-1)
    assert (await seeker.answered(offer, want, "accept"))["state"] == "agreed", "a second before midnight it is still valid"


async def test_a_licence_taken_back_or_missing_closes_the_gate(holder: Trader, seeker: Trader) -> None:
    offer, want = await holder.offer(facts=WASTE), await seeker.want()
    problem(await holder.answer(offer, want, "accept"), 409)
    licence = await seeker.licence("recycler_register")
    await holder.answered(offer, want, "accept")
    assert (await seeker.call("DELETE", f"/v1/licences/{licence['id']}")).status_code == 204
    problem(await seeker.answer(offer, want, "accept"), 409)


async def test_a_licence_that_expires_while_both_accept_gives_one_right_outcome(
    sessions: Sessions, holder: Trader, seeker: Trader, clock: FakeClock
) -> None:
    """Whichever comes first: agreed on a valid paper, or refused; never an agreement after the paper is gone."""
    offer = await holder.offer(facts=WASTE, quantity=kilo(100000))
    for _ in range(10):
        licence, want = await seeker.licence("eo_rs"), await seeker.want()
        await holder.answered(offer, want, "accept", quantity_kg="100")
        dropped, answer = await asyncio.gather(
            seeker.call("DELETE", f"/v1/licences/{licence['id']}"), seeker.answer(offer, want, "accept", quantity_kg="100")
        )
        assert dropped.status_code == 204
        assert answer.status_code in (200, 409)
        story = [one.type for one in await told(sessions, [want])]
        assert story[-1] == "want.changed", "the dropped licence is told"
    deals = (await seeker.get("/v1/deals", limit=100))["items"]
    assert (await holder.read(offer))["available"] == kilo(100000 - 100 * sum(deal["state"] == "agreed" for deal in deals))


@pytest.mark.parametrize("is_offer", [True, False], ids=["offer", "want"])
async def test_an_end_that_has_passed_is_refused_before_any_scheduler_says_so(
    holder: Trader, seeker: Trader, clock: FakeClock, is_offer: bool
) -> None:
    end = at(hours=1)
    offer = await holder.offer(**({"available_until": end} if is_offer else {}))
    want = await seeker.want(**({} if is_offer else {"needed_until": end}))
    await holder.answered(offer, want, "accept")
    clock.move(hours=1)
    assert "lapsed" in problem(await seeker.answer(offer, want, "accept"), 409)["detail"]


async def test_a_freshness_that_has_passed_is_refused_before_any_scheduler_says_so(
    sessions: Sessions, holder: Trader, seeker: Trader, clock: FakeClock
) -> None:
    """The exchange may have been down: nobody agrees to a by-product that the law has made waste."""
    fish = {"material": "fish.fish_heads_frames", "facts": BY_PRODUCT}
    await seeker.licence("hydrobiological_plant")
    offer, want = await holder.offer(**fish), await seeker.want(accepts=[{"material": fish["material"]}])
    await holder.answered(offer, want, "accept")
    clock.move(hours=24)
    stood = await written(sessions)
    problem(await seeker.answer(offer, want, "accept"), 409)
    assert await written(sessions) == stood
