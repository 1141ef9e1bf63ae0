"""Invariant 6: an organisation sees and changes only its own, except what it published. Every route is in the table, or the test fails."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from kit.database import Sessions
from kit.identity import ALL_SCOPES, INTERNAL, ORGANISATION, SCOPES, Caller
from kit.ids import new_id
from services.listings.app import ROUTERS
from tests.integration.listings.traders import TOKEN, FakeClock, Json, Trader, at, joining, offer_body, path_of, problem, want_body, written

OPEN, OF_A_PERSON, SIGNED_IN = "open", "session", ""
# What each call needs: nothing, a scope, a person (no key), or only somebody who is signed in.
ROUTES: dict[tuple[str, str], str] = {
    ("POST", "/v1/organisations"): OPEN,
    ("POST", "/v1/sessions"): OPEN,
    ("POST", "/v1/sessions/refresh"): OPEN,
    ("DELETE", "/v1/sessions/current"): OF_A_PERSON,
    ("GET", "/v1/me"): SIGNED_IN,
    ("POST", "/v1/api-keys"): OF_A_PERSON,
    ("GET", "/v1/api-keys"): OF_A_PERSON,
    ("DELETE", "/v1/api-keys/{key_id}"): OF_A_PERSON,
    ("POST", "/v1/sites"): "listings:write",
    ("POST", "/v1/licences"): "listings:write",
    ("DELETE", "/v1/licences/{licence_id}"): "listings:write",
    ("GET", "/v1/materials"): OPEN,
    ("GET", "/v1/materials/{code}"): OPEN,
    ("GET", "/v1/deals"): "matches:read",
    ("GET", "/v1/snapshot"): "listings:read",
} | {
    (method, path.format(side=side)): scope
    for side in ("offers", "wants")
    for method, path, scope in (
        ("POST", "/v1/{side}", "listings:write"),
        ("GET", "/v1/{side}", "listings:read"),
        ("GET", "/v1/{side}/{{id}}", "listings:read"),
        ("PATCH", "/v1/{side}/{{id}}", "listings:write"),
        ("POST", "/v1/{side}/{{id}}/publish", "listings:write"),
        ("POST", "/v1/{side}/{{id}}/withdraw", "listings:write"),
        ("POST", "/v1/{side}/{{id}}/keep", "listings:write"),
        ("POST", "/v1/{side}/import", "listings:write"),
        ("GET", "/v1/{side}/import/template", OPEN),
        ("GET", "/v1/{side}/export", "listings:read"),
    )
}
INSIDE = {
    ("POST", "/internal/api-keys/verify"),
    ("POST", "/internal/contacts"),
    ("POST", "/internal/addresses"),
    ("PUT", "/internal/people/{person_id}/language"),
    ("POST", "/internal/answers"),
    ("GET", "/internal/listings/{side}"),
    ("GET", "/internal/listings/{side}/{id}"),
}


@dataclass
class Belongings:
    """Everything that the holder has, and that a stranger may not touch."""

    draft_offer: Json
    draft_want: Json
    offer: Json
    want: Json
    licence: Json
    key: Json

    @property
    def secrets(self) -> list[str]:
        """What may stand in nothing that a stranger is answered."""
        hidden = (self.draft_offer["id"], self.draft_want["id"], self.licence["id"], self.key["id"], self.offer["site_id"])
        return [*hidden, "SECRETO", "N-1"]


@pytest.fixture
async def belongings(holder: Trader, seeker: Trader) -> Belongings:
    licence = await holder.licence("eo_rs")
    key = await holder.post("/v1/api-keys", {"name": "SECRETO", "scopes": ["listings:read"]})
    found = Belongings(
        draft_offer=await holder.offer(publish=False, external_id="SECRETO-1"),
        draft_want=await holder.want(publish=False, external_id="SECRETO-2"),
        offer=await holder.offer(external_id="SECRETO-3"),
        want=await holder.want(external_id="SECRETO-4"),
        licence=licence,
        key=key,
    )
    await holder.answered(found.offer, await seeker.want(), "accept")
    return found


def paths(path: str, belongings: Belongings) -> list[tuple[str, bool]]:
    """The holder's things behind a route, and whether each is published."""
    draft, shown = (belongings.draft_offer, belongings.offer) if "offers" in path else (belongings.draft_want, belongings.want)
    if "{key_id}" in path:
        return [(path.format(key_id=belongings.key["id"]), False)]
    if "{licence_id}" in path:
        return [(path.format(licence_id=belongings.licence["id"]), False)]
    return [(path.format(id=draft["id"]), False), (path.format(id=shown["id"]), True)]


def test_every_route_is_in_the_table() -> None:
    found = {
        (method, route.path_format)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert found == ROUTES.keys() | INSIDE


async def test_a_stranger_with_an_id_reads_no_draft_and_changes_nothing(
    sessions: Sessions, stranger: Trader, belongings: Belongings
) -> None:
    stood = await written(sessions)
    for method, path in ROUTES:
        if "{" not in path or "{code}" in path:
            continue
        for named, is_published in paths(path, belongings):
            answer = await stranger.call(method, named, {"title": "Mío"} if method == "PATCH" else None, {"If-Match": '"2"'})
            if method == "GET" and is_published:
                assert answer.status_code == 200
                assert (answer.json()["site_id"], answer.json()["external_id"], answer.json()["warnings"]) == (None, None, [])
            else:
                problem(answer, 403 if is_published else 404)
            assert not any(secret in answer.text for secret in belongings.secrets)
    assert await written(sessions) == stood


@pytest.mark.parametrize(
    "path", ["/v1/offers", "/v1/wants", "/v1/deals", "/v1/api-keys", "/v1/me", "/v1/snapshot?side=offer", "/v1/snapshot?side=want"]
)
async def test_a_strangers_lists_hold_nothing_of_others_but_what_is_published(stranger: Trader, belongings: Belongings, path: str) -> None:
    answer = await stranger.call("GET", path)
    assert answer.status_code == 200
    assert not any(secret in answer.text for secret in belongings.secrets)
    assert ("snapshot" in path) == (belongings.offer["id"] in answer.text or belongings.want["id"] in answer.text)


async def test_nothing_that_belongs_to_another_can_be_named_in_a_body(
    sessions: Sessions, holder: Trader, stranger: Trader, belongings: Belongings
) -> None:
    mine = await stranger.offer()
    stood = await written(sessions)
    for body in (offer_body(), want_body()):
        path = "/v1/offers" if "material" in body else "/v1/wants"
        problem(await stranger.call("POST", path, body | {"site_id": belongings.offer["site_id"]}), 422, "site_id")
        for field in ("organisation_id", "id", "state", "version", "published_at", "place", "agreed", "available", "regime", "holder"):
            problem(await stranger.call("POST", path, body | {field: str(holder.id)}), 422, field)
    tag = {"If-Match": f'"{mine["version"]}"'}
    problem(await stranger.call("PATCH", path_of(mine), {"site_id": belongings.offer["site_id"]}, tag), 422, "site_id")
    problem(await stranger.call("PATCH", path_of(mine), {"organisation_id": str(holder.id)}, tag), 422, "organisation_id")
    problem(await stranger.call("POST", "/v1/organisations", joining() | {"verified": True}), 422, "verified")
    licence = {"kind": "eo_rs", "number": "X", "evidence": "checked"}
    problem(await stranger.call("POST", "/v1/licences", licence), 422, "evidence")
    assert await written(sessions) == stood


async def test_an_import_writes_to_its_own_organisation_alone(
    sessions: Sessions, holder: Trader, stranger: Trader, belongings: Belongings
) -> None:
    """The same external_id and the name of another's site lead to nothing of his."""
    header = "external_id,site,material,title,quantity_amount,quantity_unit"
    sheet = f"{header}\nSECRETO-3,{belongings.offer['site_id']},textile.cotton_offcuts,x,1,kg\n"
    answer = await stranger.call("POST", "/v1/offers/import", headers={"content-type": "text/csv"}, content=sheet.encode())
    assert [one["errors"][0]["field"] for one in answer.json()["rejected"]] == ["site"]
    assert await holder.read(belongings.offer) == belongings.offer


async def test_whoever_is_not_signed_in_gets_nowhere(sessions: Sessions, http: httpx.AsyncClient, belongings: Belongings) -> None:
    stood = await written(sessions)
    forged = Caller(new_id(), None, frozenset(ALL_SCOPES)).headers()
    for (method, path), scope in ROUTES.items():
        if scope == OPEN:
            continue
        for headers in ({}, forged, forged | {INTERNAL: "wrong"}):
            answer = await http.request(method, path.format(id=new_id(), key_id=new_id(), licence_id=new_id()), headers=headers)
            problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
    assert await written(sessions) == stood


async def test_whoever_lacks_the_scope_is_told_which(sessions: Sessions, holder: Trader, belongings: Belongings) -> None:
    stood = await written(sessions)
    for (method, path), scope in ROUTES.items():
        if scope in (OPEN, SIGNED_IN):
            continue
        holder.scopes = frozenset({*ALL_SCOPES, OF_A_PERSON} - {scope})
        body: Any = {"offers": offer_body(), "wants": want_body()}.get(path.split("/")[2], {}) if method in ("POST", "PATCH") else None
        for named, _ in paths(path, belongings) if "{" in path else [(path, False)]:
            found = problem(await holder.call(method, named, body), 403)
            assert scope in found["detail"], f"{method} {path}: {found}"
    assert await written(sessions) == stood


@pytest.mark.parametrize("key", sorted(INSIDE), ids=" ".join)
async def test_the_inside_is_there_for_our_own_parts_only(
    sessions: Sessions, http: httpx.AsyncClient, holder: Trader, belongings: Belongings, key: tuple[str, str]
) -> None:
    method, path = key
    stood = await written(sessions)
    for token in (None, "", "wrong", TOKEN + " "):
        headers = {ORGANISATION: str(holder.id), SCOPES: " ".join(ALL_SCOPES)} | ({} if token is None else {INTERNAL: token})
        body = None if method == "GET" else {}
        answer = await http.request(
            method, path.format(side="offer", id=belongings.offer["id"], person_id=holder.person_id), headers=headers, json=body
        )
        problem(answer, 404)
    assert await written(sessions) == stood


async def test_contacts_are_given_to_the_two_sides_of_an_agreement_only(
    sessions: Sessions, http: httpx.AsyncClient, stranger: Trader
) -> None:
    """Joined through the door, because a contact is a person."""
    people = []
    for number, tax_id in enumerate(("20990000175", "20990000256")):
        joined = (await http.post("/v1/organisations", json=joining(tax_id) | {"email": f"p{number}@example.pe"})).json()["organisation"]
        people.append(Trader(http, joined["id"], joined["sites"][0]["id"]))
    holder, seeker = people
    offer, want = await holder.offer(), await seeker.want()
    deal = await holder.answered(offer, want, "accept")

    async def asked_by(member: Trader) -> Json:
        body = {"organisation_id": str(member.id), "deal_ids": [deal["id"]]}
        return dict((await member.post("/internal/contacts", body))["contacts"])

    assert await asked_by(seeker) == {}, "one acceptance shows nobody"
    await seeker.answered(offer, want, "accept")
    assert (await asked_by(seeker))[deal["id"]]["email"] == "p0@example.pe"
    assert (await asked_by(holder))[deal["id"]]["email"] == "p1@example.pe"
    assert await asked_by(stranger) == {}
    await seeker.answered(offer, want, "release", reason="No")
    assert await asked_by(holder) == {}


async def test_a_key_is_known_by_its_hash_until_it_is_taken_back_or_has_expired(holder: Trader, clock: FakeClock) -> None:
    made = await holder.post("/v1/api-keys", {"name": "Máquina", "scopes": ["events:read"], "expires_at": at(days=1)})
    query = {"key_hash": sha256(made["key"].encode()).hexdigest()}
    found = await holder.post("/internal/api-keys/verify", query)
    assert found == {"organisation_id": str(holder.id), "scopes": ["events:read"]}
    assert "key" not in (await holder.get("/v1/api-keys"))["items"][0]
    clock.move(days=1)
    problem(await holder.call("POST", "/internal/api-keys/verify", query), 404)
    clock.move(seconds=-1)
    assert (await holder.call("DELETE", f"/v1/api-keys/{made['id']}")).status_code == 204
    problem(await holder.call("POST", "/internal/api-keys/verify", query), 404)
