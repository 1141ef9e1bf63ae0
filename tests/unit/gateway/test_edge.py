"""What every answer carries, and what is counted of it."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest
from prometheus_client import REGISTRY

from gateway.edge import template_of
from tests.unit.gateway.doubles import Exchange

ID = "01a2127c-ad88-70b6-9975-2fd5f543e272"
TEMPLATES = {
    "/v1/offers": "/v1/offers",
    f"/v1/offers/{ID}": "/v1/offers/{id}",
    f"/v1/offers/{ID}/publish": "/v1/offers/{id}/publish",
    f"/v1/matches/{ID}.{ID}/accept": "/v1/matches/{id}/accept",
    "/v1/materials/textile.cotton": "/v1/materials/{id}",
    "/v1/materials/suggest": "/v1/materials/suggest",
    f"/v1/webhooks/{ID}/deliveries/{ID}/replay": "/v1/webhooks/{id}/deliveries/{id}/replay",
    "/healthz": "/healthz",
    "/v1/invented": "other",
    "/v1/offers/" + "/".join("abcdef"): "other",
    "/favicon.ico": "other",
}


def series() -> set[tuple[str, ...]]:
    return {tuple(sample.labels.values()) for metric in REGISTRY.collect() for sample in metric.samples if "ayni_gateway" in sample.name}


@pytest.mark.parametrize("given", ["a", "0190-x/y:z", "~" * 100])
async def test_a_correlation_id_from_outside_goes_in_and_comes_back(http: httpx.AsyncClient, given: str) -> None:
    answer = await http.get("/v1/offers", headers={"X-Correlation-Id": given})

    assert answer.headers["x-correlation-id"] == given
    assert answer.json()["headers"]["x-correlation-id"] == given
    assert answer.json()["names"].count("x-correlation-id") == 1


@pytest.mark.parametrize("given", ["", "two words", "ñ", "~" * 101, None])
async def test_a_correlation_id_that_is_none_is_replaced(http: httpx.AsyncClient, given: str | None) -> None:
    headers = {} if given is None else {b"X-Correlation-Id": given.encode()}

    answer = await http.get("/v1/offers", headers=headers)

    made = answer.headers["x-correlation-id"]
    assert UUID(made).version == 7
    assert answer.json()["headers"]["x-correlation-id"] == made


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/v1/offers", "/v1/crash", "/v1/no-such-thing", "/internal/feed"])
async def test_every_answer_carries_a_correlation_id_and_the_security_headers(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers

    assert headers["x-correlation-id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")


async def test_answers_of_the_api_are_not_stored_unless_the_part_says_so(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/offers")).headers["cache-control"] == "no-store"
    assert (await http.get("/v1/no-such-thing")).headers["cache-control"] == "no-store"
    assert (await http.get("/v1/headers")).headers["cache-control"] == "max-age=60"


@pytest.mark.parametrize(("path", "template"), TEMPLATES.items())
def test_a_path_is_counted_by_its_template(path: str, template: str) -> None:
    assert template_of(path) == template


async def test_invented_paths_and_methods_make_no_series(http: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    async def ask(word: str) -> None:
        for client in (http, nobody):
            await client.request(word.upper(), f"/{word}")
            for path in (f"/v1/{word}", f"/v1/offers/{word}", f"/v1/offers/x/{word}/{word}"):
                await client.get(path)

    await ask("first")
    before = series()

    await ask("second")
    await ask("publish")

    assert series() == before


async def test_answers_are_counted_by_method_route_and_status(http: httpx.AsyncClient) -> None:
    def counted() -> float:
        labels = {"method": "GET", "route": "/v1/headers", "status": "200"} | {"route": "/v1/offers"}
        return REGISTRY.get_sample_value("ayni_gateway_requests_total", labels) or 0

    before = counted()
    await http.get("/v1/offers")

    assert counted() == before + 1
    assert "ayni_gateway_requests_total{" in (await http.get("/metrics")).text


async def test_it_is_alive_whatever_the_parts_are(exchange: Exchange, nobody: httpx.AsyncClient) -> None:
    exchange.market.is_away = exchange.feed.is_away = True

    assert (await nobody.get("/healthz")).json() == {"status": "ok"}


async def test_it_is_ready_when_every_part_is(exchange: Exchange, nobody: httpx.AsyncClient) -> None:
    ready = await nobody.get("/readyz")
    exchange.market.is_away = exchange.feed.is_away = True
    waiting = await nobody.get("/readyz")

    assert ready.status_code == 200
    assert waiting.status_code == 503
    assert waiting.json()["detail"] == "not ready: listings, notifications"


async def test_it_is_no_longer_ready_once_it_stops(exchange: Exchange, nobody: httpx.AsyncClient) -> None:
    exchange.app.state.tail.drain()

    assert (await nobody.get("/readyz")).status_code == 503
