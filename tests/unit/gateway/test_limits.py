"""Joining is limited per address."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.settings import GatewaySettings
from kit.problems import MEDIA_TYPE
from tests.unit.gateway.doubles import Exchange


async def test_who_joins_too_often_is_told_when_to_come_again() -> None:
    exchange = Exchange.make(joins_per_minute=2)

    async with exchange.client(is_signed_in=False) as http:
        statuses = [(await http.post("/v1/organisations", json={})).status_code for _ in range(2)]
        refused = await http.post("/v1/organisations", json={})

    assert statuses == [200, 200]
    assert (refused.status_code, refused.headers["content-type"]) == (429, MEDIA_TYPE)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert len(exchange.market.asked) == 2


async def test_an_address_is_that_of_the_socket_whatever_a_header_says() -> None:
    exchange = Exchange.make(joins_per_minute=1)

    async with exchange.client(is_signed_in=False) as http, exchange.client(is_signed_in=False, address="192.0.2.2") as other:
        first = await http.post("/v1/organisations", json={})
        disguised = await http.post(
            "/v1/organisations", json={}, headers={"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1"}
        )
        another = await other.post("/v1/organisations", json={})

    assert [answer.status_code for answer in (first, disguised, another)] == [200, 429, 200]


async def test_nothing_but_joining_is_limited() -> None:
    exchange = Exchange.make(joins_per_minute=1)

    async with exchange.client() as http:
        assert {(await http.get("/v1/offers")).status_code for _ in range(5)} == {200}


@pytest.mark.parametrize("setting", [None, "", 0])
async def test_without_a_setting_everybody_may_join(setting: Any) -> None:
    exchange = Exchange.make(joins_per_minute=setting)

    async with exchange.client(is_signed_in=False) as http:
        assert {(await http.post("/v1/organisations", json={})).status_code for _ in range(70)} == {200}


def test_secrets_have_no_default_and_are_not_shown() -> None:
    with pytest.raises(ValueError, match="token_secret"):
        GatewaySettings.model_validate({"internal_token": "x"})

    assert "secret-of-ours" not in repr(
        GatewaySettings.model_validate({"token_secret": "secret-of-ours", "internal_token": "secret-of-ours"})
    )


def test_a_token_secret_that_is_too_short_keeps_it_from_starting() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Exchange.make(token_secret="short")
