"""The rules hold in PostgreSQL as well, and each constraint's name leads to the problem of its field."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from kit.database import Sessions, constraint_of
from services.listings.constraints import BREACHES, breach_of
from tests.integration.listings.traders import Trader, joining, offer_body, problem, types_told, want_body, written

OF_JOINING = {"organisations_join_once", "people_email_once"}  # mapped where an organisation joins
ONLY_A_BUG_BREAKS = {
    "api_keys_once",
    "sessions_refresh_once",
    "deals_one_a_pair",
    "deals_state_known",
    "deals_two_sides",
    "deals_quantities_positive",
    "deals_answers_fit_state",
    "offers_versions_grow",
    "offers_published_once_out_of_draft",
    "wants_versions_grow",
    "wants_published_once_out_of_draft",
    "offers_asked_while_published",
    "wants_asked_while_published",
    "outbox_event_once",
    "outbox_routes_listed",
}
BROKEN_BY = {
    "sites_on_earth": "update sites set latitude = 91",
    "organisations_kind_known": "update organisations set kind = 'x'",
    "people_language_known": "update people set language = 'x'",
    "licences_kind_known": "update licences set kind = 'x'",
    "licences_evidence_known": "update licences set evidence = 'x'",
    "offers_external_id_once": "update offers set external_id = 'x'",
    "offers_state_known": "update offers set state = 'x'",
    "offers_rhythm_known": "update offers set rhythm = 'x'",
    "offers_grade_known": "update offers set grade = 'E'",
    "offers_quantity_positive": "update offers set quantity_amount = 0",
    "offers_never_oversold": "update offers set taken_kg = quantity_kg + 0.001",
    "offers_minimum_lot_positive": "update offers set minimum_lot_amount = 0",
    "offers_window": "update offers set available_until = available_from - interval '1 second'",
    "wants_external_id_once": "update wants set external_id = 'x'",
    "wants_state_known": "update wants set state = 'x'",
    "wants_rhythm_known": "update wants set rhythm = 'x'",
    "wants_min_grade_known": "update wants set min_grade = 'E'",
    "wants_minimum_positive": "update wants set minimum_amount = 0",
    "wants_minimum_within_maximum": "update wants set maximum_kg = minimum_kg - 0.001",
    "wants_never_overfilled": "update wants set agreed_kg = maximum_kg + 0.001",
    "wants_radius_positive": "update wants set radius_km = 0",
    "wants_window": "update wants set needed_until = needed_from - interval '1 second'",
}


async def test_every_rule_of_the_database_has_its_problem_or_is_known_to_be_ours_alone(sessions: Sessions) -> None:
    async with sessions() as session:
        rows = await session.execute(
            text("select conname from pg_constraint where connamespace = 'listings'::regnamespace and contype in ('c', 'u')")
        )
        assert {row.conname for row in rows} == BREACHES.keys() | OF_JOINING | ONLY_A_BUG_BREAKS
    assert BREACHES.keys() == BROKEN_BY.keys()


@pytest.fixture
async def a_little_of_everything(holder: Trader) -> None:
    for _ in range(2):
        await holder.offer()
        await holder.want()
    await holder.licence("eo_rs")


@pytest.mark.usefixtures("a_little_of_everything")
async def test_breaking_a_rule_behind_the_parts_back_names_it(sessions: Sessions) -> None:
    for name, statement in BROKEN_BY.items():
        with pytest.raises(IntegrityError) as caught:
            async with sessions.begin() as session:
                await session.execute(text(statement))
        assert constraint_of(caught.value) == name, statement
        found = breach_of(caught.value)
        assert found is not None
        assert found.status in (409, 422)
        assert [error.field for error in found.errors] == [BREACHES[name].field]


async def test_a_rule_that_only_a_bug_breaks_is_nothing_to_tell_a_caller(sessions: Sessions, holder: Trader) -> None:
    await holder.offer()
    with pytest.raises(IntegrityError) as caught:
        async with sessions.begin() as session:
            await session.execute(text("update offers set version = 0"))
    assert breach_of(caught.value) is None


@pytest.mark.parametrize(("path", "body"), [("/v1/offers", offer_body(external_id="A-1")), ("/v1/wants", want_body(external_id="A-1"))])
async def test_an_external_id_is_taken_once_also_by_ten_at_once(sessions: Sessions, holder: Trader, path: str, body: object) -> None:
    answers = await asyncio.gather(*(holder.call("POST", path, body) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    for answer in answers:
        if answer.status_code == 409:
            assert problem(answer, 409, "external_id")["type"].endswith("external-id-taken")
    assert len(await types_told(sessions)) == 1


async def test_an_external_id_of_another_organisation_or_of_the_other_side_is_free(holder: Trader, stranger: Trader) -> None:
    await holder.offer(external_id="A-1")
    await holder.want(external_id="A-1")
    await stranger.offer(external_id="A-1")
    other = await holder.offer()
    stood = await holder.call("PATCH", f"/v1/offers/{other['id']}", {"external_id": "A-1"}, {"If-Match": '"2"'})
    problem(stood, 409, "external_id")


async def test_the_same_new_file_imported_by_two_at_once_is_imported_once(sessions: Sessions, holder: Trader) -> None:
    header = "external_id,material,title,quantity_amount,quantity_unit,publish\n"
    sheet = header + "".join(f"A-{number},textile.cotton_offcuts,Retazos,100,kg,si\n" for number in range(50))

    async def imported() -> int:
        answer = await holder.call("POST", "/v1/offers/import", headers={"content-type": "text/csv"}, content=sheet.encode())
        if answer.status_code != 200:
            assert answer.json()["type"].endswith(("import-at-work", "external-id-taken"))
        return answer.status_code

    codes = await asyncio.gather(*(imported() for _ in range(4)))
    assert 200 in codes
    assert len((await holder.get("/v1/offers", limit=100))["items"]) == 50
    assert len(await types_told(sessions)) == 50


async def test_a_tax_id_and_an_address_join_once(sessions: Sessions, holder: Trader) -> None:
    assert (await holder.call("POST", "/v1/organisations", joining())).status_code == 201
    stood = await written(sessions)
    again = joining() | {"email": "otra@example.pe"}
    problem(await holder.call("POST", "/v1/organisations", again), 409, "tax_id")
    problem(await holder.call("POST", "/v1/organisations", joining("20990000256")), 409, "email")
    assert await written(sessions) == stood
