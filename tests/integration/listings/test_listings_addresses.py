"""What notifications asks: where the people of an organisation are reached, and that one of them chose a language."""

from __future__ import annotations

from typing import Any

from kit.ids import new_id
from tests.integration.listings.conftest import Joins
from tests.integration.listings.traders import Trader, problem


async def people(asking: Trader, *organisations: Trader) -> list[dict[str, Any]]:
    body = {"organisation_ids": [str(one.id) for one in organisations]}
    found: list[dict[str, Any]] = (await asking.post("/internal/addresses", body))["people"]
    return found


async def test_addresses_are_those_of_the_organisations_asked_for_and_of_no_other(holder: Trader, seeker: Trader, joins: Joins) -> None:
    await joins()

    found = await people(holder, holder, seeker)

    assert {one["organisation_id"] for one in found} == {str(holder.id), str(seeker.id)}
    assert {one["person_id"] for one in found} == {str(holder.person_id), str(seeker.person_id)}
    assert all(one["email"] and one["name"] and (one["language"], one["country"]) == ("es", "PE") for one in found)
    assert await people(holder) == []


async def test_a_language_that_was_chosen_is_the_persons_from_then_on(holder: Trader, seeker: Trader) -> None:
    answer = await holder.call("PUT", f"/internal/people/{holder.person_id}/language", {"language": "en"})

    assert answer.status_code == 204
    assert {one["person_id"]: one["language"] for one in await people(holder, holder, seeker)} == {
        str(holder.person_id): "en",
        str(seeker.person_id): "es",
    }
    assert (await holder.get("/v1/me"))["person"]["language"] == "en"


async def test_a_language_of_nobody_or_that_nobody_speaks_here_is_refused(holder: Trader) -> None:
    problem(await holder.call("PUT", f"/internal/people/{new_id()}/language", {"language": "en"}), 404)
    problem(await holder.call("PUT", f"/internal/people/{holder.person_id}/language", {"language": "qu"}), 422, "language")
