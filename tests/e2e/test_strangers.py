"""Invariant 6: an organisation sees and changes only its own, except what it published."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.people import Member, join
from tests.patience import until

NOBODYS = "0190a000-0000-7000-8000-000000000000"
SAFE = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/v1/materials", "/v1/materials/textile.cotton_offcuts")


@pytest.fixture
def stranger(http: httpx.Client) -> Member:
    return join(http)


def test_a_stranger_learns_nothing_of_drafts_sites_matches_and_deals(holder: Member, seeker: Member, stranger: Member) -> None:
    draft = holder.offer(publish=False, external_id="SECRETO-7")
    offer, want = holder.offer(external_id="SECRETO-8"), seeker.want()
    path = f"/v1/matches/{offer['id']}.{want['id']}"
    until(lambda: seeker.call("GET", path).status_code == 200, "the match")
    deal = seeker.post(f"{path}/accept")["deal_id"]
    for method, hidden in (
        ("GET", f"/v1/offers/{draft['id']}"),
        ("POST", f"/v1/offers/{draft['id']}/publish"),
        ("GET", path),
        ("POST", f"{path}/accept"),
        ("POST", f"{path}/decline"),
        ("POST", f"{path}/release"),
        ("DELETE", f"{path}/answer"),
        ("GET", f"/v1/matches?offer={NOBODYS}"),
    ):
        answer = stranger.call(method, hidden)
        assert answer.status_code == 404, f"{method} {hidden}: {answer.status_code}"
    assert stranger.call("GET", "/v1/matches", params={"offer": offer["id"]}).status_code == 403
    assert stranger.get("/v1/deals")["items"] == []
    seen = stranger.get(f"/v1/offers/{offer['id']}")
    assert seen["site_id"] is seen["external_id"] is None
    until(lambda: deal in str(seeker.feed()), "the deal in its side's feed")
    told = str(stranger.feed())
    for secret in ("SECRETO", draft["id"], deal, holder.organisation["sites"][0]["id"], holder.credentials["email"]):
        assert secret not in told


@pytest.mark.parametrize("path", SAFE)
def test_what_needs_no_sign_in_answers_anybody(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/v1/me", "/v1/offers", "/v1/events", "/v1/stream", "/v1/snapshot?side=offer", "/v1/matches?offer=x", "/v1/nothing", "/v1/deals"],
)
def test_all_else_asks_who_it_is(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/internal/contacts", "/internal/feed?after=0", "/v1/../internal/contacts", "//internal/contacts", "/internal%2Fcontacts"]
)
def test_the_inside_does_not_exist_from_outside(stranger: Member, path: str) -> None:
    headers = {"X-Ayni-Internal": "x", "X-Ayni-Organisation": stranger.id}
    assert stranger.call("GET", path, headers=headers).status_code == 404


def test_an_identity_that_the_caller_writes_himself_is_not_believed(http: httpx.Client, holder: Member, stranger: Member) -> None:
    answer = stranger.call("GET", "/v1/me", headers={"X-Ayni-Organisation": holder.id, "X-Ayni-Scopes": "listings:write"})
    assert answer.json()["organisation"]["id"] == stranger.id
    assert http.get("/v1/me", headers={"X-Ayni-Organisation": holder.id}).status_code == 401
