"""Answers (matching.md, section 6): every verb in every state a deal can be in, what is taken and given back, and what is told."""

from __future__ import annotations

import pytest

from kit.database import Sessions
from kit.ids import new_id
from tests.integration.listings.conftest import Joins
from tests.integration.listings.traders import (
    BY_PRODUCT,
    FakeClock,
    Json,
    Trader,
    at,
    kilo,
    problem,
    soles,
    told,
    types_told,
    written,
)

REASON = {"reason": "Se vendió a otro"}
UNCHANGED = "unchanged"

# What the one side ("me") and the other did before; then what each verb of mine gives: a state, "unchanged" (200), or 409.
STATES: dict[str, tuple[list[tuple[str, str]], dict[str, str | int]]] = {
    "nothing answered": ([], {"accept": "offered", "decline": "declined", "release": 409, "withdraw": 409}),
    "accepted by me": ([("me", "accept")], {"accept": UNCHANGED, "decline": "declined", "release": 409, "withdraw": "open"}),
    "accepted by them": ([("they", "accept")], {"accept": "agreed", "decline": "declined", "release": 409, "withdraw": 409}),
    "agreed": ([("they", "accept"), ("me", "accept")], {"accept": UNCHANGED, "decline": 409, "release": "released", "withdraw": 409}),
    "declined by me": ([("me", "decline")], {"accept": 409, "decline": UNCHANGED, "release": 409, "withdraw": "open"}),
    "declined by them": ([("they", "decline")], {"accept": 409, "decline": 409, "release": 409, "withdraw": 409}),
    "released by me": (
        [("they", "accept"), ("me", "accept"), ("me", "release")],
        {"accept": 409, "decline": 409, "release": UNCHANGED, "withdraw": "open"},
    ),
    "released by them": (
        [("they", "accept"), ("me", "accept"), ("they", "release")],
        {"accept": 409, "decline": 409, "release": 409, "withdraw": 409},
    ),
    "withdrawn by me": (
        [("me", "accept"), ("me", "withdraw")],
        {"accept": "offered", "decline": "declined", "release": 409, "withdraw": UNCHANGED},
    ),
    "withdrawn by them": (
        [("they", "accept"), ("they", "withdraw")],
        {"accept": "offered", "decline": "declined", "release": 409, "withdraw": 409},
    ),
}


@pytest.mark.parametrize("am_holder", [True, False], ids=["as the holder", "as the seeker"])
@pytest.mark.parametrize("state", STATES)
async def test_a_verb_does_what_the_state_allows(sessions: Sessions, holder: Trader, seeker: Trader, state: str, am_holder: bool) -> None:
    sides = {"me": holder, "they": seeker} if am_holder else {"me": seeker, "they": holder}
    before, outcomes = STATES[state]
    for verb, outcome in outcomes.items():
        offer, want = await holder.offer(), await seeker.want()
        for who, earlier in before:
            deal = await sides[who].answered(offer, want, earlier, **(REASON if earlier == "release" else {}))
        stood = await written(sessions)
        answer = await sides["me"].answer(offer, want, verb, **(REASON if verb == "release" else {}))
        if outcome == 409:
            found = problem(answer, 409)
            assert not before or deal["state"] in found["detail"], f"{verb}: the detail names the state: {found['detail']}"
            assert await written(sessions) == stood, f"{verb} was refused, and left something"
        elif outcome == UNCHANGED:
            assert answer.json() == deal, verb
            assert await written(sessions) == stood, f"{verb} was repeated, and changed something"
        else:
            assert (answer.status_code, answer.json()["state"]) == (200, outcome), verb


async def test_two_acceptances_take_the_smaller_quantity_from_both_sides_and_say_so_in_order(
    sessions: Sessions, holder: Trader, seeker: Trader
) -> None:
    offer, want = await holder.offer(), await seeker.want()
    first = await holder.answered(offer, want, "accept", quantity_kg="900")
    assert (first["state"], first["quantity_kg"], first["accepted_by"]) == ("offered", "900", [str(holder.id)])
    second = await seeker.answered(offer, want, "accept", quantity_kg="700.125")
    assert (second["state"], second["quantity_kg"], second["accepted_by"]) == ("agreed", "700.125", [str(holder.id), str(seeker.id)])

    assert (await holder.read(offer))["available"] == kilo("1299.875")
    assert (await seeker.read(want))["agreed"] == kilo("700.125")
    assert await types_told(sessions) == [
        "offer.published",
        "want.published",
        "deal.offered",
        "deal.agreed",
        "offer.changed",
        "want.changed",
    ]


async def test_what_deals_use_up_is_exhausted_and_satisfied_and_a_release_opens_both_again(
    sessions: Sessions, holder: Trader, seeker: Trader
) -> None:
    offer, want = await holder.offer(), await seeker.want(maximum=kilo(2, "t"))
    await holder.answered(offer, want, "accept")
    await seeker.answered(offer, want, "accept")
    assert ((await holder.read(offer))["state"], (await seeker.read(want))["state"]) == ("exhausted", "satisfied")

    await seeker.answered(offer, want, "release", **REASON)
    assert ((await holder.read(offer))["state"], (await seeker.read(want))["state"]) == ("published", "published")
    assert ((await holder.read(offer))["available"], (await seeker.read(want))["agreed"]) == (kilo(2000), kilo(0))
    assert (await types_told(sessions))[2:] == [
        *("deal.offered", "deal.agreed", "offer.exhausted", "want.satisfied"),
        *("deal.released", "offer.changed", "want.changed"),
    ]


async def test_a_release_leaves_a_withdrawn_listing_withdrawn_and_one_whose_end_has_passed_lapsed(
    sessions: Sessions, holder: Trader, seeker: Trader, clock: FakeClock
) -> None:
    offer, want = await holder.offer(available_until=at(hours=1)), await seeker.want(maximum=kilo(5000))
    await holder.answered(offer, want, "accept")
    await seeker.answered(offer, want, "accept")
    await seeker.post(f"/v1/wants/{want['id']}/withdraw")
    clock.move(hours=2)
    await holder.answered(offer, want, "release", **REASON)
    assert ((await holder.read(offer))["state"], (await seeker.read(want))["state"]) == ("lapsed", "withdrawn")
    assert (await types_told(sessions))[-2:] == ["deal.released", "offer.lapsed"], "a listing that stays withdrawn is no event"
    assert (await seeker.read(want))["agreed"] == kilo(0)


async def test_a_lapse_by_a_release_voids_what_others_had_accepted(
    sessions: Sessions, holder: Trader, seeker: Trader, clock: FakeClock, joins: Joins
) -> None:
    """The other acceptance was given before the lot was gone, and outlived that; it does not outlive the lapse."""
    offer, want = await holder.offer(available_until=at(hours=1)), await seeker.want()
    other = await joins()
    waiting = await other.want()
    await other.answered(offer, waiting, "accept")
    await holder.answered(offer, want, "accept")
    await seeker.answered(offer, want, "accept")
    assert (await types_told(sessions))[-2:] == ["offer.exhausted", "want.changed"], "a mere drop of what is available voids nothing"
    clock.move(hours=2)
    await seeker.answered(offer, want, "release", **REASON)
    assert [deal["state"] for deal in (await other.get("/v1/deals"))["items"]] == ["open"]
    assert (await types_told(sessions))[-4:] == ["deal.released", "deal.voided", "offer.lapsed", "want.changed"]


async def test_another_quantity_replaces_ones_own_acceptance_until_it_is_agreed(holder: Trader, seeker: Trader, sessions: Sessions) -> None:
    offer, want = await holder.offer(), await seeker.want()
    await holder.answered(offer, want, "accept", quantity_kg="900")
    again = await holder.answered(offer, want, "accept", quantity_kg="400")
    assert (again["state"], again["quantity_kg"], again["accepted_by"]) == ("offered", "400", [str(holder.id)])
    await seeker.answered(offer, want, "accept")
    problem(await holder.answer(offer, want, "accept", quantity_kg="300"), 409)
    assert (await holder.answered(offer, want, "accept", quantity_kg="400"))["state"] == "agreed", "the same once more changes nothing"
    assert (await types_told(sessions)).count("deal.agreed") == 1


async def test_a_release_asks_for_a_reason(sessions: Sessions, holder: Trader, seeker: Trader) -> None:
    offer, want = await holder.offer(), await seeker.want()
    await holder.answered(offer, want, "accept")
    await seeker.answered(offer, want, "accept")
    stood = await written(sessions)
    problem(await holder.answer(offer, want, "release"), 422, "reason")
    assert await written(sessions) == stood
    released = await holder.answered(offer, want, "release", **REASON)
    assert (released["state"], released["reason"], released["accepted_by"]) == ("released", REASON["reason"], [])


async def test_events_of_a_deal_say_whose_acceptance_they_ended(sessions: Sessions, holder: Trader, seeker: Trader) -> None:
    offer, want = await holder.offer(), await seeker.want()
    await holder.answered(offer, want, "accept")
    deal = await seeker.answered(offer, want, "decline", reason="Muy lejos")
    last = (await told(sessions, [deal]))[-1]
    assert (last.type, last.version, last.data["reason"]) == ("deal.declined", deal["version"], "Muy lejos")
    assert (last.data["had_accepted"], last.data["answered_by"]) == ([str(holder.id)], str(seeker.id))
    assert last.data["parties"] == [str(holder.id), str(seeker.id)]


async def test_a_stranger_is_told_of_no_match_and_changes_none(
    sessions: Sessions, holder: Trader, seeker: Trader, stranger: Trader
) -> None:
    offer, want = await holder.offer(), await seeker.want()
    await holder.answered(offer, want, "accept")
    stood = await written(sessions)
    for verb in ("accept", "decline", "release", "withdraw"):
        problem(await stranger.answer(offer, want, verb, **REASON), 404)
    problem(await holder.answer({"id": str(new_id())}, want, "accept"), 404)
    assert await written(sessions) == stood


# Terms: what was seen must still be so.


async def test_terms_that_changed_since_they_were_seen_are_refused(sessions: Sessions, holder: Trader, seeker: Trader) -> None:
    offer, want = await holder.offer(), await seeker.want()
    seen = {"offer_version": offer["version"], "want_version": want["version"]}
    offer = await holder.patch(offer, title="Retazos limpios")
    dearer = await holder.patch(offer, price=soles(90))
    stood = await written(sessions)
    for versions in (seen, {"offer_version": offer["version"]}, {"offer_version": dearer["version"] + 1}):
        found = problem(await seeker.answer(offer, want, "accept", **versions), 409)
        assert found["type"].endswith("terms-changed")
    assert await written(sessions) == stood
    assert (await seeker.answered(offer, want, "accept", offer_version=dearer["version"], want_version=want["version"]))[
        "state"
    ] == "offered"


async def test_a_version_after_which_only_the_title_changed_is_still_what_was_seen(holder: Trader, seeker: Trader) -> None:
    offer, want = await holder.offer(), await seeker.want()
    await holder.patch(offer, title="Retazos limpios", description="En sacos")
    assert (await seeker.answered(offer, want, "accept", offer_version=offer["version"]))["state"] == "offered"


CHANGES_OF_OFFERS: list[Json] = [
    {"price": soles("99.5")},
    {"price": soles("0.1", "kg")},
    {"quantity": kilo(2001)},
    {"quantity": kilo(2, "t")},
    {"minimum_lot": kilo(10)},
    {"divisible": False},
    {"rhythm": "recurring"},
    {"available_from": at(days=1)},
    {"available_until": at(days=30)},
    {"grade": "A"},
    {"facts": BY_PRODUCT | {"same_process": True}},
    {"facts": None},
]
CHANGES_OF_WANTS: list[Json] = [
    {"max_price": soles(250)},
    {"minimum": kilo(99)},
    {"maximum": kilo(4999)},
    {"maximum": None},
    {"accepts": [{"material": "textile.cotton_offcuts", "weight": 0.9}]},
    {"rhythm": "recurring"},
    {"needed_from": at(days=1)},
    {"needed_until": at(days=30)},
    {"min_grade": "D"},
]
NO_TERMS_OF_OFFERS: list[Json] = [{"title": "Otro"}, {"description": "Otra"}, {"external_id": "X-1"}]
NO_TERMS_OF_WANTS: list[Json] = [*NO_TERMS_OF_OFFERS, {"accept_partial": False}, {"radius_km": 400}]


@pytest.mark.parametrize("is_offer", [True, False], ids=["offer", "want"])
async def test_each_change_of_terms_voids_an_open_acceptance_and_no_other_change_does(
    sessions: Sessions, holder: Trader, seeker: Trader, is_offer: bool
) -> None:
    offer, want = await holder.offer(price=soles(100)), await seeker.want()
    changing, listing = (holder, offer) if is_offer else (seeker, want)
    await seeker.licence("eo_rs")  # some facts make it waste
    await holder.answered(offer, want, "accept")
    for change in NO_TERMS_OF_OFFERS if is_offer else NO_TERMS_OF_WANTS:
        await changing.patch(listing, **change)
        assert (await types_told(sessions))[-1] == ("offer.changed" if is_offer else "want.changed"), change
        assert (await holder.get("/v1/deals"))["items"][0]["state"] == "offered", f"{change} is no change of terms"
    another_site = (await changing.post("/v1/sites", {"name": "Otra", "latitude": -12.05, "longitude": -77.0}))["id"]
    for change in [*(CHANGES_OF_OFFERS if is_offer else CHANGES_OF_WANTS), {"site_id": another_site}]:
        await holder.answered(offer, want, "accept")
        await changing.patch(listing, **change)
        deal = (await holder.get("/v1/deals"))["items"][0]
        assert (deal["state"], deal["accepted_by"], deal["quantity_kg"]) == ("open", [], None), change
        voided, changed = (await told(sessions))[-2:]
        assert (voided.type, voided.data["had_accepted"]) == ("deal.voided", [str(holder.id)])
        assert (changed.type, changed.subject) == ("offer.changed" if is_offer else "want.changed", listing["id"])


@pytest.mark.parametrize("is_offer", [True, False], ids=["offer", "want"])
async def test_a_withdrawal_voids_an_open_acceptance(sessions: Sessions, holder: Trader, seeker: Trader, is_offer: bool) -> None:
    offer, want = await holder.offer(), await seeker.want()
    await seeker.answered(offer, want, "accept")
    await (holder.post(f"/v1/offers/{offer['id']}/withdraw") if is_offer else seeker.post(f"/v1/wants/{want['id']}/withdraw"))
    assert (await seeker.get("/v1/deals"))["items"][0]["state"] == "open"
    assert (await types_told(sessions))[-2:] == ["deal.voided", "offer.withdrawn" if is_offer else "want.withdrawn"]
    answer = await seeker.answer(offer, want, "accept")
    assert "withdrawn" in problem(answer, 409)["detail"]
