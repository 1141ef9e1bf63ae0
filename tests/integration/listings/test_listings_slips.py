"""What a person might well send, and what is said of it: the field, and what to change."""

from __future__ import annotations

import pytest

from contracts.catalogue import Catalogue
from kit.database import Sessions
from kit.ids import new_id
from tests.integration.listings.traders import (
    COTTON,
    Json,
    Trader,
    at,
    kilo,
    offer_body,
    path_of,
    problem,
    soles,
    want_body,
    written,
)

FOUR_FAMILIES = (COTTON, "glass.clear_cullet", "paper.occ", "metal.copper")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"material": "textil.cotton_offcut"}, "material", "textile.cotton_offcuts"),
        ({"material": "TEXTILE.COTTON OFFCUTS"}, "material", "textile.cotton_offcuts"),
        ({"quantity": kilo(0)}, "quantity.amount", "more than 0"),
        ({"quantity": kilo("-5")}, "quantity.amount", "more than 0"),
        ({"quantity": kilo("0.0000000001")}, "quantity.amount", "9 after the point"),
        ({"quantity": kilo("1,200")}, "quantity.amount", "such as"),
        ({"quantity": {"amount": 5, "unit": "kg"}}, "quantity.amount", "as text"),
        ({"quantity": {"amount": 1.5, "unit": "kg"}}, "quantity.amount", "as text"),
        ({"quantity": kilo(5, "lb")}, "quantity.unit", "kg"),
        ({"quantity": kilo(5, "unit")}, "quantity.unit", "use kg or t"),
        ({"price": soles(5, "unit")}, "price.per", "use kg or t"),
        ({"price": soles(5) | {"currency": "USD"}}, "price.currency", "PEN"),
        ({"minimum_lot": kilo(5, "unit")}, "minimum_lot.unit", "use kg or t"),
        ({"available_from": at(days=2), "available_until": at(days=1)}, "available_until", "after it"),
        ({"available_until": at(days=-1), "publish": False}, "available_until", "passed"),
        ({"available_until": at(days=-1), "available_from": at(days=-2)}, "available_until", "passed"),
        ({"available_until": "2026-11-25T10:00:00"}, "available_until", "zone"),
        ({"available_until": "2026-11-25"}, "available_until", "zone"),
        ({"available_until": "1790000000"}, "available_until", "zone"),
        ({"available_until": 1790000000}, "available_until", "zone"),
        ({"available_until": "0001-01-01T00:00:00Z"}, "available_until", "1900"),
        ({"available_until": "9999-12-31T23:59:59-14:00"}, "available_until", "1900"),
        ({"grade": "E"}, "grade", "A"),
        ({"rhythm": "often"}, "rhythm", "one_off"),
        ({"divisible": "yes"}, "divisible", "true or false"),
        ({"facts": {"post_consumer": 1}}, "facts.post_consumer", "true or false"),
        ({"facts": {"poisonous": True}}, "facts.poisonous", "leave it out"),
        ({"title": "  "}, "title", "empty"),
        ({"title": "x" * 201}, "title", "200"),
        ({"title": "a\u2028b\x00"}, "title", "U+0000"),
        ({"state": "published"}, "state", "leave it out"),
        ({"regime": {"slug": "descarte"}}, "regime", "leave it out"),
        ({"site_id": str(new_id())}, "site_id", "no site of yours"),
    ],
)
async def test_a_slip_in_an_offer_is_named_with_what_to_change(
    sessions: Sessions, holder: Trader, changes: Json, field: str, words: str
) -> None:
    stood = await written(sessions)
    found = problem(await holder.call("POST", "/v1/offers", offer_body(**changes)), 422, field)
    assert words in next(error["message"] for error in found["errors"] if error["field"] == field)
    assert await written(sessions) == stood


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"accepts": []}, "accepts", "1"),
        ({"accepts": [{"material": "textile.cotton_offcuts"}] * 2}, "accepts", "twice"),
        ({"accepts": [{"material": "textile.coton"}]}, "accepts.0.material", "textile.cotton"),
        ({"accepts": [{"material": COTTON}, {"material": "fish.x"}]}, "accepts.1.material", "fish."),
        ({"accepts": [{"material": COTTON, "weight": 0}]}, "accepts.0.weight", "greater than 0"),
        ({"accepts": [{"material": COTTON, "weight": 1.01}]}, "accepts.0.weight", "less than or equal to 1"),
        ({"accepts": [{"material": COTTON, "weight": "1"}]}, "accepts.0.weight", "number"),
        ({"accepts": [{"material": code} for code in FOUR_FAMILIES]}, "accepts", "3 families"),
        ({"minimum": kilo(501), "maximum": kilo("0.5", "t")}, "minimum", "maximum"),
        ({"minimum": kilo(0)}, "minimum.amount", "more than 0"),
        ({"minimum": kilo(1, "unit")}, "minimum.unit", "use kg or t"),
        ({"maximum": kilo(1, "unit")}, "maximum.unit", "use kg or t"),
        ({"max_price": soles(1, "unit")}, "max_price.per", "use kg or t"),
        ({"needed_from": at(days=2), "needed_until": at(days=1)}, "needed_until", "after it"),
        ({"needed_until": at(days=-1), "publish": False}, "needed_until", "passed"),
        ({"radius_km": 0}, "radius_km", "greater than 0"),
        ({"radius_km": 10**300}, "radius_km", "20100"),
        ({"radius_km": "100"}, "radius_km", "number"),
        ({"radius_km": None}, "radius_km", "number"),
        ({"min_grade": "a"}, "min_grade", "A"),
        ({"accept_partial": 1}, "accept_partial", "true or false"),
        ({"agreed": kilo(1)}, "agreed", "leave it out"),
    ],
)
async def test_a_slip_in_a_want_is_named_with_what_to_change(
    sessions: Sessions, seeker: Trader, changes: Json, field: str, words: str
) -> None:
    stood = await written(sessions)
    found = problem(await seeker.call("POST", "/v1/wants", want_body(**changes)), 422, field)
    assert words in next(error["message"] for error in found["errors"] if error["field"] == field)
    assert await written(sessions) == stood


async def test_every_wrong_code_is_answered_with_the_three_nearest_that_exist(holder: Trader, catalogue: Catalogue) -> None:
    """Most wrong codes are nearly right: one letter dropped still leads to the code that was meant."""
    for code in list(catalogue.materials)[::20]:
        found = problem(await holder.call("POST", "/v1/offers", offer_body(material=code[:-1] + "_")), 422, "material")
        named = found["errors"][0]["message"].rpartition(": ")[2].split(", ")
        assert len(named) == 3
        assert code in named
        assert all(one in catalogue.materials for one in named)


async def test_all_that_is_wrong_is_named_at_once(holder: Trader) -> None:
    body = offer_body(quantity=kilo(-1), grade="Z", rhythm="x", title="")
    found = problem(await holder.call("POST", "/v1/offers", body), 422)
    assert {error["field"] for error in found["errors"]} == {"quantity.amount", "grade", "rhythm", "title"}
    units = offer_body(quantity=kilo(1, "unit"), price=soles(1, "unit"), minimum_lot=kilo(1, "unit"))
    found = problem(await holder.call("POST", "/v1/offers", units), 422)
    assert {error["field"] for error in found["errors"]} == {"quantity.unit", "price.per", "minimum_lot.unit"}


async def test_several_sites_ask_which(holder: Trader) -> None:
    await holder.post("/v1/sites", {"name": "Otra", "latitude": -12.0, "longitude": -77.0})
    assert "say which" in problem(await holder.call("POST", "/v1/offers", offer_body()), 422, "site_id")["detail"]


async def test_a_change_is_judged_as_a_whole_and_less_than_was_taken_is_refused(sessions: Sessions, holder: Trader, seeker: Trader) -> None:
    offer, want = await holder.offer(available_until=at(days=3)), await seeker.want()
    await holder.answered(offer, want, "accept", quantity_kg="700")
    await seeker.answered(offer, want, "accept")
    stood = await written(sessions)
    for member, listing, change, field in (
        (holder, offer, {"available_from": at(days=4)}, "available_until"),
        (holder, offer, {"quantity": kilo("699.999")}, "quantity"),
        (holder, offer, {"material": "textile.mixed_offcuts"}, "material"),
        (holder, offer, {"material": None}, "material"),
        (holder, offer, {"quantity": None}, "quantity"),
        (holder, offer, {"divisible": None}, "divisible"),
        (seeker, want, {"maximum": kilo("699.999")}, "maximum"),
        (seeker, want, {"minimum": kilo(5001)}, "minimum"),
        (seeker, want, {"accepts": None}, "accepts"),
    ):
        tag = (await member.call("GET", path_of(listing))).headers["etag"]
        problem(await member.call("PATCH", path_of(listing), change, {"If-Match": tag}), 422, field)
    assert await written(sessions) == stood
