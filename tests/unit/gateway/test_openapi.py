"""One document of everything, and a page that shows it without the rest of the world."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

from gateway.openapi import distinct
from tests.unit.gateway.doubles import Exchange

OPERATIONS = ("get", "post", "put", "patch", "delete")


def references(value: Any) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(value)))


async def document_of(nobody: httpx.AsyncClient) -> dict[str, Any]:
    answer = await nobody.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_the_document_describes_every_part_and_the_gateway(nobody: httpx.AsyncClient) -> None:
    document = await document_of(nobody)

    assert document["openapi"] == "3.1.0"
    assert {"/v1/offers", "/v1/matches", "/v1/events", "/v1/stream", "/v1/snapshot", "/healthz", "/readyz", "/metrics"} <= document[
        "paths"
    ].keys()
    assert not [path for path in document["paths"] if path.startswith(("/internal", "/docs", "/{"))]
    assert references(document) <= document["components"]["schemas"].keys()


async def test_every_operation_says_how_to_sign_in_and_that_it_answers_problems(nobody: httpx.AsyncClient) -> None:
    document = await document_of(nobody)

    for path, operations in document["paths"].items():
        for method, one in operations.items():
            is_open = not path.startswith("/v1/") or (method, path) in OPEN
            assert one["security"] == ([] if is_open else [{"session": []}, {"key": []}]), (method, path)
            assert one["responses"]["4XX"]["content"].keys() == {"application/problem+json"}
            assert "422" not in one["responses"]


OPEN = {
    ("post", "/v1/organisations"),
    ("post", "/v1/sessions"),
    ("post", "/v1/sessions/refresh"),
    ("get", "/v1/materials"),
    ("post", "/v1/materials/suggest"),
}


async def test_the_stream_and_the_snapshot_are_described_as_what_they_are(nobody: httpx.AsyncClient) -> None:
    paths = (await document_of(nobody))["paths"]

    assert paths["/v1/stream"]["get"]["responses"]["200"]["content"].keys() == {"text/event-stream"}
    assert {one["name"] for one in paths["/v1/stream"]["get"]["parameters"]} == {"types", "family", "department", "last-event-id"}
    assert paths["/v1/snapshot"]["get"]["responses"]["200"]["content"].keys() == {"application/x-ndjson"}


async def test_a_part_that_is_away_is_503_and_described_when_it_is_back(exchange: Exchange, nobody: httpx.AsyncClient) -> None:
    described = exchange.feed.app.openapi_url
    route = next(one for one in exchange.feed.app.router.routes if getattr(one, "path", "") == described)
    exchange.feed.app.router.routes.remove(route)
    away = await nobody.get("/openapi.json")
    exchange.feed.app.router.routes.append(route)

    assert away.status_code == 503
    assert "/v1/events" in (await document_of(nobody))["paths"]


def test_what_two_parts_call_alike_and_mean_alike_is_one() -> None:
    known = {"Page": {"type": "object"}}
    document = {"paths": {}, "components": {"schemas": {"Page": {"type": "object"}, "HTTPValidationError": {}}}}

    assert distinct(document, known, "matching")["components"]["schemas"] == known


def test_what_two_parts_call_alike_and_mean_otherwise_gets_the_parts_name_wherever_it_is_used() -> None:
    link = {"$ref": "#/components/schemas/Page"}
    document = {
        "paths": {"/v1/x": {"get": {"schema": link}}},
        "components": {"schemas": {"Page": {"type": "string"}, "Book": {"items": [link]}}},
    }

    found = distinct(document, {"Page": {"type": "object"}}, "matching")

    renamed = {"$ref": "#/components/schemas/MatchingPage"}
    assert found["paths"]["/v1/x"]["get"]["schema"] == renamed
    assert found["components"]["schemas"] == {"MatchingPage": {"type": "string"}, "Book": {"items": [renamed]}}


async def test_the_page_and_all_that_it_loads_are_served_by_us(nobody: httpx.AsyncClient) -> None:
    page = await nobody.get("/docs")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert len(loaded) == 4
    assert "://" not in page.text
    assert "<script>" not in page.text
    for path in loaded:
        answer = await nobody.get(path)
        assert answer.status_code == 200, path
        assert answer.content


async def test_the_root_leads_to_the_page(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/")

    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")
