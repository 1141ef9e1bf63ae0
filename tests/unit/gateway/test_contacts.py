"""Whom to call, shown to the sides of an agreed match and nobody else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.unit.gateway.doubles import ME, Exchange


def match(state: str, deal: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": f"{state}-{deal}", "state": state, "deal_id": deal, "contact": None, "reasons": {"es": ["a 3 km, cáscara"]}} | more


async def test_each_agreed_match_of_a_list_gets_its_contact_by_one_call(exchange: Exchange, http: httpx.AsyncClient) -> None:
    listed = [match("agreed", "deal 1"), match("proposed"), match("agreed", "deal 2"), match("offered", "deal 3")]
    exchange.market.matches = {"items": listed, "next": "more"}

    answer = await http.get("/v1/matches", headers={"X-Correlation-Id": "of-this-call"})

    told = answer.json()
    assert [one["contact"] and one["contact"]["name"] for one in told["items"]] == ["of deal 1", None, "of deal 2", None]
    assert told["next"] == "more"
    assert told["items"][0]["reasons"] == listed[0]["reasons"]
    assert answer.headers["content-length"] == str(len(answer.content))
    assert exchange.market.contact_queries == [{"organisation_id": str(ME), "deal_ids": ["deal 1", "deal 2"]}]
    assert exchange.market.contact_correlations == ["of-this-call"]


async def test_one_agreed_match_gets_its_contact(exchange: Exchange, http: httpx.AsyncClient) -> None:
    exchange.market.matches = match("agreed", "deal 1")

    assert (await http.get("/v1/matches")).json()["contact"] == {"name": "of deal 1", "email": "x@example.pe"}


@pytest.mark.parametrize(
    "body",
    [
        {"items": [match("proposed"), match("released", "deal 1")], "next": None},
        {"items": [], "next": None},
        match("offered", "deal 1"),
        match("proposed", title='says "agreed" of itself'),
        {"items": [match("proposed", word="agreed")]},
    ],
)
async def test_listings_is_not_asked_where_nothing_is_agreed(exchange: Exchange, http: httpx.AsyncClient, body: Any) -> None:
    exchange.market.matches = body

    assert (await http.get("/v1/matches")).json() == body
    assert exchange.market.contact_queries == []


async def test_a_contact_that_cannot_be_looked_up_is_503_and_not_no_contact(exchange: Exchange, http: httpx.AsyncClient) -> None:
    exchange.market.matches, exchange.market.is_away = match("agreed", "deal 1"), True

    answer = await http.get("/v1/matches")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
