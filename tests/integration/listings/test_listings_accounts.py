"""Joining, signing in, renewing and signing out: a refresh token renews once, and one shown twice was stolen."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode

import httpx
import pytest

from tests.integration.listings.traders import FakeClock, Json, Trader, joining, problem


@pytest.fixture
async def joined(http: httpx.AsyncClient) -> Json:
    answer = await http.post("/v1/organisations", json=joining())
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def renewed(http: httpx.AsyncClient, refresh_token: str) -> httpx.Response:
    return await http.post("/v1/sessions/refresh", json={"refresh_token": refresh_token})


async def test_whoever_joins_is_signed_in_and_signs_in_again(http: httpx.AsyncClient, joined: Json) -> None:
    assert joined["organisation"]["verified"] is False
    credentials = {"email": "ROSA@example.pe", "password": joining()["password"]}
    answer = await http.post("/v1/sessions", json=credentials)
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != joined["refresh_token"]


async def test_a_wrong_password_and_an_unknown_person_are_refused_in_the_same_words(http: httpx.AsyncClient, joined: Json) -> None:
    bodies = [{"email": "rosa@example.pe", "password": "otra cosa"}, {"email": "nadie@example.pe", "password": "otra cosa"}]
    wrong, unknown = [problem(await http.post("/v1/sessions", json=body), 401) for body in bodies]
    assert wrong == unknown


async def test_a_refresh_token_renews_once_and_shown_again_ends_its_session(http: httpx.AsyncClient, joined: Json) -> None:
    first = await renewed(http, joined["refresh_token"])
    assert first.status_code == 200
    problem(await renewed(http, joined["refresh_token"]), 401)
    problem(await renewed(http, first.json()["refresh_token"]), 401)


async def test_of_ten_renewals_at_once_with_one_token_one_succeeds(http: httpx.AsyncClient, joined: Json) -> None:
    answers = await asyncio.gather(*(renewed(http, joined["refresh_token"]) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 9


async def test_a_session_ends_after_thirty_days_unless_it_is_renewed(http: httpx.AsyncClient, joined: Json, clock: FakeClock) -> None:
    clock.move(days=30, seconds=-1)
    second = await renewed(http, joined["refresh_token"])
    assert second.status_code == 200
    clock.move(days=30)
    problem(await renewed(http, second.json()["refresh_token"]), 401)


async def test_signing_out_ends_the_session_on_this_device_only(http: httpx.AsyncClient, joined: Json) -> None:
    other = (await http.post("/v1/sessions", json={"email": "rosa@example.pe", "password": joining()["password"]})).json()
    session_id = read_claim(other["token"].split(".")[1], "sid")
    person = Trader(http, joined["organisation"]["id"], joined["organisation"]["sites"][0]["id"])
    answer = await person.call("DELETE", "/v1/sessions/current", headers={"X-Ayni-Session": session_id})
    assert answer.status_code == 204
    problem(await renewed(http, other["refresh_token"]), 401)
    assert (await renewed(http, joined["refresh_token"])).status_code == 200


def read_claim(part: str, name: str) -> str:
    """Of a token whose signature is the gateway's business."""
    return str(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))[name])
