"""Who is at the door, and what of it reaches the parts."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import httpx
import pytest

from kit.identity import ALL_SCOPES, RESERVED
from kit.problems import MEDIA_TYPE
from tests.unit.gateway.doubles import INTERNAL_TOKEN, KEY, ME, NOW, OTHER, PERSON, SESSION, Exchange, bearer

OPEN = [
    ("POST", "/v1/organisations"),
    ("POST", "/v1/sessions"),
    ("POST", "/v1/sessions/refresh"),
    ("GET", "/v1/materials"),
    ("POST", "/v1/materials/suggest"),
]
CLOSED = [
    ("GET", "/v1/organisations"),
    ("GET", "/v1/sessions"),
    ("POST", "/v1/materials"),
    ("DELETE", "/v1/materials"),
    ("GET", "/v1/offers"),
    ("GET", "/v1/matches"),
    ("GET", "/v1/events"),
    ("GET", "/v1/stream"),
    ("GET", "/v1/stream?types=no.such.type"),
    ("GET", "/v1/snapshot"),
    ("POST", "/v1/stream"),
    ("GET", "/v1/no-such-thing"),
    ("GET", "/no-such-thing"),
    ("OPTIONS", "/v1/offers"),
]
BAD = {
    "no token": {"Authorization": "Bearer nonsense"},
    "nothing": {"Authorization": "Bearer"},
    "another scheme": {"Authorization": "Basic bWU6c2VjcmV0"},
    "empty": {"Authorization": ""},
    "expired": bearer(now=NOW - timedelta(minutes=15)),
    "unknown key": {"X-API-Key": "nobody-made-it"},
    "empty key": {"X-API-Key": ""},
}


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def assert_unauthorised(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (401, MEDIA_TYPE)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "urn:ayni:problem:unauthorised"


async def test_a_session_reaches_the_part_as_its_organisation_person_and_all_scopes(http: httpx.AsyncClient) -> None:
    seen = (await http.get("/v1/offers")).json()["headers"]

    assert seen["x-ayni-organisation"] == str(ME)
    assert seen["x-ayni-person"] == str(PERSON)
    assert seen["x-ayni-session"] == str(SESSION)
    assert set(seen["x-ayni-scopes"].split()) == {*ALL_SCOPES, "session"}
    assert seen["x-ayni-internal"] == INTERNAL_TOKEN
    assert seen["x-ayni-deadline-seconds"] == "10"
    assert "authorization" not in seen


async def test_a_key_reaches_the_part_as_its_organisation_and_its_own_scopes(exchange: Exchange, nobody: httpx.AsyncClient) -> None:
    exchange.market.keys[digest(KEY)] = ["listings:read"]

    seen = (await nobody.get("/v1/offers", headers={"X-API-Key": KEY})).json()["headers"]

    assert (seen["x-ayni-organisation"], seen["x-ayni-scopes"]) == (str(ME), "listings:read")
    assert not {"x-ayni-person", "x-ayni-session", "x-api-key"} & seen.keys()


async def test_a_key_that_is_taken_back_is_refused_at_once(exchange: Exchange, nobody: httpx.AsyncClient) -> None:
    exchange.market.keys[digest(KEY)] = ["listings:read"]
    before = await nobody.get("/v1/offers", headers={"X-API-Key": KEY})

    exchange.market.keys.clear()

    assert before.status_code == 200
    assert_unauthorised(await nobody.get("/v1/offers", headers={"X-API-Key": KEY}))


async def test_a_key_that_cannot_be_looked_up_is_not_called_bad(exchange: Exchange, nobody: httpx.AsyncClient) -> None:
    exchange.market.is_away = True

    answer = await nobody.get("/v1/offers", headers={"X-API-Key": KEY})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("scope", ["stream", "snapshot?side=offer"])
async def test_a_key_without_the_scope_is_told_which_one_is_missing(exchange: Exchange, nobody: httpx.AsyncClient, scope: str) -> None:
    exchange.market.keys[digest(KEY)] = ["notices:read"]

    answer = await nobody.get(f"/v1/{scope}", headers={"X-API-Key": KEY})

    assert answer.status_code == 403
    assert ("events:read" if scope == "stream" else "listings:read") in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), OPEN)
async def test_what_needs_nobody_is_answered_to_nobody(nobody: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await nobody.request(method, path)

    assert answer.status_code == 200
    assert "x-ayni-organisation" not in answer.json()["headers"]


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_everything_else_is_401_to_nobody(exchange: Exchange, nobody: httpx.AsyncClient, method: str, path: str) -> None:
    assert_unauthorised(await nobody.request(method, path))
    assert exchange.market.asked == []


@pytest.mark.parametrize("credential", BAD.values(), ids=BAD)
@pytest.mark.parametrize("path", ["/v1/offers", "/v1/materials", "/v1/stream", "/v1/snapshot?side=offer", "/no-such-thing"])
async def test_a_bad_credential_is_401_even_where_none_is_needed(
    exchange: Exchange, nobody: httpx.AsyncClient, credential: dict[str, str], path: str
) -> None:
    assert_unauthorised(await nobody.get(path, headers=credential))
    assert exchange.market.asked == []


async def test_a_session_ends_after_fifteen_minutes(exchange: Exchange, http: httpx.AsyncClient) -> None:
    exchange.clock.move(minutes=15)

    assert_unauthorised(await http.get("/v1/offers"))


@pytest.mark.parametrize("path", ["/v1/offers", "/v1/materials"])
async def test_what_the_outside_says_in_our_own_headers_is_dropped(http: httpx.AsyncClient, nobody: httpx.AsyncClient, path: str) -> None:
    forged = {name.title(): str(OTHER) for name in RESERVED}
    client = http if path == "/v1/offers" else nobody

    seen = (await client.get(path, headers=forged)).json()

    assert str(OTHER) not in seen["headers"].values()
    assert all(seen["names"].count(name) <= 1 for name in RESERVED)


async def test_headers_of_one_hop_go_no_further(http: httpx.AsyncClient) -> None:
    hops = {
        "Connection": "close, X-Mine",
        "X-Mine": "1",
        "TE": "trailers",
        "Keep-Alive": "5",
        "Proxy-Authorization": "x",
        "X-Other": "kept",
    }

    seen = (await http.get("/v1/offers", headers=hops)).json()["headers"]

    assert not {"connection", "x-mine", "te", "keep-alive", "proxy-authorization", "host"} & seen.keys()
    assert seen["x-other"] == "kept"
