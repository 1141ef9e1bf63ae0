"""What nobody sensible sends (reliability.md, 6.2), on every JSON route of the real app: a problem document, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from kit.database import Sessions
from kit.ids import new_id
from services.listings.app import ROUTERS
from tests.integration.listings.traders import (
    BY_PRODUCT,
    Json,
    Trader,
    at,
    joining,
    kilo,
    offer_body,
    problem,
    want_body,
    written,
)

MARK = "@@here@@"
NESTED = "[" * 900 + "]" * 900
# As they stand in the body, not as text: each is refused whatever the field, and most by the input layer.
NO_TEXT = {"a NUL": b'"a\\u0000bcdefgh"', "a lone surrogate": b'"\\ud800bcdefgh"'}
NO_JSON = NO_TEXT | {
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "an overflowing number": b"1e999",
    "depth 900": NESTED.encode(),
    "depth 100k": b"[" * 100_000 + b"]" * 100_000,
    "a 5,000-digit number": b"9" * 5000,
    "invalid UTF-8": b'"\xff\xfe"',
    "an unclosed string": b'"',
    "the same name twice": b'1, "a": 1, "a": 2',
}
# Values of the wrong kind for almost any field; those that fit one are listed under it.
STRANGE: dict[str, Any] = {
    "2**63": 2**63,
    "-2**63 - 1": -(2**63) - 1,
    "1E+999999": "1E+999999",
    "NaN as text": "NaN",
    "an empty object": {},
    "an object in a list": [{"a": 1}],
    "true": True,
    "a very long text": "x" * 5000,
    "a bell": "\a",
}
OFFER = offer_body(
    description="x",
    minimum_lot=kilo(10),
    price={"amount": "5", "currency": "PEN", "per": "t"},
    grade="B",
    available_from=at(),
    available_until=at(days=3),
    rhythm="one_off",
    divisible=True,
    external_id="A-1",
)
WANT = want_body(
    accepts=[{"material": "textile.cotton_offcuts", "weight": 1}],
    description="x",
    max_price={"amount": "5", "currency": "PEN", "per": "t"},
    min_grade="B",
    needed_from=at(),
    needed_until=at(days=3),
    rhythm="one_off",
    external_id="A-1",
)
JOINING = joining() | {
    "country": "PE",
    "activity": "1410",
    "language": "es",
    "licences": [{"kind": "eo_rs", "number": "N-1", "valid_until": "2027-03-31"}],
    "site": {"name": "Planta", "latitude": -12.0, "longitude": -77.0, "place_code": "150103"},
}
CORPUS: dict[tuple[str, str], Json] = {
    ("POST", "/v1/organisations"): JOINING,
    ("POST", "/v1/sessions"): {"email": "rosa@example.pe", "password": "una clave larga"},
    ("POST", "/v1/sessions/refresh"): {"refresh_token": "x"},
    ("POST", "/v1/api-keys"): {"name": "Máquina", "scopes": ["events:read"], "expires_at": at(days=1)},
    ("POST", "/v1/sites"): {"name": "Otra", "latitude": -12.0, "longitude": -77.0, "place_code": "150103"},
    ("POST", "/v1/licences"): {"kind": "eo_rs", "number": "N-1", "valid_until": "2027-03-31"},
    ("POST", "/v1/offers"): OFFER,
    ("PATCH", "/v1/offers/{id}"): {name: value for name, value in OFFER.items() if name != "publish"},
    ("POST", "/v1/wants"): WANT,
    ("PATCH", "/v1/wants/{id}"): {name: value for name, value in WANT.items() if name != "publish"},
    ("POST", "/internal/answers"): {
        "offer_id": str(new_id()),
        "want_id": str(new_id()),
        "verb": "release",
        "quantity_kg": "1",
        "offer_version": 1,
        "want_version": 1,
        "reason": "x",
    },
    ("POST", "/internal/contacts"): {"organisation_id": str(new_id()), "deal_ids": [str(new_id())]},
    ("POST", "/internal/addresses"): {"organisation_ids": [str(new_id())]},
    ("PUT", "/internal/people/{person_id}/language"): {"language": "en"},
    ("POST", "/internal/api-keys/verify"): {"key_hash": "0" * 64},
}
# What a field takes all the same.
FITTING = {
    "password": ("1E+999999",),
    **dict.fromkeys(("name", "title", "description", "external_id", "number", "display_name", "reason"), ("1E+999999", "NaN as text")),
    **dict.fromkeys(("divisible", "accept_partial", "publish", *BY_PRODUCT), ("true",)),
}


def routes() -> dict[tuple[str, str], APIRoute]:
    found = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return {(method, route.path_format): route for route in found for method in route.methods}


def leaves(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(body, dict):
        for name, inner in body.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(body, list):
        for number, inner in enumerate(body):
            yield from leaves(inner, (*path, number))
    else:
        yield path


def with_raw(body: Json, path: tuple[Any, ...], raw: bytes) -> bytes:
    """The body with these bytes in place of one value."""
    changed = json.loads(json.dumps(body))
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = MARK
    return json.dumps(changed).encode().replace(json.dumps(MARK).encode(), raw)


class Corpus:
    """Sends a route what it may not take."""

    def __init__(self, member: Trader, method: str, path: str, tag: str) -> None:
        self.member, self.method, self.path, self.tag = member, method, path, tag

    async def send(self, content: bytes, **headers: str) -> httpx.Response:
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"content-type": "application/json", "if-match": self.tag} | changed
        return await self.member.call(self.method, self.path, headers=sent, content=content)


@pytest.fixture(params=sorted(CORPUS), ids=lambda key: " ".join(key))
async def corpus(request: pytest.FixtureRequest, holder: Trader) -> tuple[Corpus, Json]:
    method, path = request.param
    listing = await (holder.want if "wants" in path else holder.offer)()
    return Corpus(holder, method, path.format(id=listing["id"], person_id=holder.person_id), f'"{listing["version"]}"'), CORPUS[
        request.param
    ]


def test_the_corpus_knows_every_json_route() -> None:
    assert {key for key, route in routes().items() if route.body_field is not None} == CORPUS.keys()


async def test_what_is_no_json_that_we_take_is_refused_and_leaves_nothing(sessions: Sessions, corpus: tuple[Corpus, Json]) -> None:
    route, body = corpus
    stood, (first, *others) = await written(sessions), leaves(body)
    for path, name, raw in [*((first, *one) for one in NO_JSON.items()), *((path, *one) for path in others for one in NO_TEXT.items())]:
        answer = await route.send(with_raw(body, path, raw))
        assert answer.status_code in (400, 422), f"{name} in {path}"
        problem(answer, answer.status_code)
    good = json.dumps(body).encode()
    problem(await route.send(good, content_type="text/plain"), 415)
    problem(await route.send(good + b" " * 2**20), 413)
    for wrong in (b"", b"[]", b"null", b'"x"', b"1", good[:-1], good + b"}"):
        answer = await route.send(wrong)
        assert answer.status_code in (400, 422), wrong[:20]
        problem(answer, answer.status_code)
    problem(await route.send(json.dumps(body | {"unknown": 1, "state": "published"}).encode()), 422, "unknown")
    assert await written(sessions) == stood


async def test_a_strange_value_in_any_field_is_refused_by_that_fields_name_and_leaves_nothing(
    sessions: Sessions, corpus: tuple[Corpus, Json]
) -> None:
    route, body = corpus
    stood = await written(sessions)
    for path in leaves(body):
        names = [step for step in path if isinstance(step, str)]
        for name, value in STRANGE.items():
            if name in FITTING.get(names[-1], ()):
                continue
            answer = await route.send(with_raw(body, path, json.dumps(value).encode()))
            if "/sessions" in route.path and answer.status_code == 401:
                continue  # no such person, no such token: refused as it should be
            found = problem(answer, 422)
            fields = [error["field"].split(".") for error in found["errors"]]
            assert any(names[0] in field for field in fields), f"{path} = {name}: {found}"
    assert await written(sessions) == stood


IDS = ("%00", "0", str(2**64), "%ED%A0%80", "x" * 5000, "..%2F..", "0190a000-0000-7000-8000-00000000000g", "'; drop table offers; --", "*")


@pytest.mark.parametrize("key", sorted(key for key in routes() if "{" in key[1].replace("{side}", "")), ids=" ".join)
async def test_a_path_that_names_nothing_is_not_found(sessions: Sessions, holder: Trader, key: tuple[str, str]) -> None:
    method, path = key
    stood = await written(sessions)
    for id in IDS:
        named = path.replace("{side}", "offer") if "{side}" in path else path
        for parameter in ("{id}", "{key_id}", "{licence_id}", "{person_id}", "{code}"):
            named = named.replace(parameter, id)
        answer = await holder.call(
            method, named, {"language": "en"} if method == "PUT" else {} if method == "PATCH" else None, {"If-Match": '"1"'}
        )
        assert answer.status_code in (404, 405), f"{method} {id[:40]}: {answer.status_code}"
        problem(answer, answer.status_code)
    assert await written(sessions) == stood


QUERIES = (
    *("limit=0", "limit=101", "limit=1e9", "limit=99999999999999999999", "limit=%00", "limit=NaN", "limit=", "limit=-1", "limit=1&limit=x"),
    *("after=x", "after=%00", "after=%ED%A0%80", "after=" + "x" * 501, "after=bm9wZQ", "after=" + "é" * 3),
)
PAGED = ("/v1/offers", "/v1/wants", "/v1/deals", "/v1/materials", "/v1/api-keys")


@pytest.mark.parametrize("path", PAGED)
async def test_a_wrong_limit_or_cursor_is_refused_by_name(holder: Trader, path: str) -> None:
    for query in QUERIES:
        problem(await holder.call("GET", f"{path}?{query}"), 422, query.partition("=")[0])


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/offers?state=satisfied", "state"),
        ("/v1/wants?state=exhausted", "state"),
        ("/v1/deals?state=%00", "state"),
        ("/v1/offers?mine=false", "mine"),
        ("/v1/offers?mine=perhaps", "mine"),
        ("/v1/materials?q=%00", "q"),
        ("/v1/materials?q=" + "x" * 201, "q"),
        ("/v1/materials?family=%07", "family"),
        ("/v1/snapshot?side=both", "side"),
        ("/v1/snapshot", "side"),
    ],
)
async def test_a_wrong_query_is_refused_by_name(holder: Trader, path: str, field: str) -> None:
    problem(await holder.call("GET", path), 422, field)


async def test_a_cursor_of_another_list_is_refused(holder: Trader) -> None:
    for _ in range(2):
        await holder.offer()
    following = (await holder.get("/v1/offers", limit=1))["next"]
    assert len((await holder.get("/v1/offers", after=following))["items"]) == 1
    problem(await holder.call("GET", f"/v1/wants?after={following}"), 422, "after")
    problem(await holder.call("GET", f"/v1/offers?after={following[:-1]}"), 422, "after")


@pytest.mark.parametrize("tag", ["", "*1", "1", 'W/"1"', '"1', '"0"', '"99999999999999999999"', '"\u00e9"', ",", '""'])
async def test_an_etag_that_is_not_the_version_changes_nothing(sessions: Sessions, holder: Trader, tag: str) -> None:
    offer = await holder.offer()
    stood = await written(sessions)
    answer = await holder.call("PATCH", f"/v1/offers/{offer['id']}", {"title": "Otro"}, {"If-Match": tag.encode("latin-1")})
    problem(answer, 412)
    problem(await holder.call("PATCH", f"/v1/offers/{offer['id']}", {"title": "Otro"}), 428)
    assert await written(sessions) == stood


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\x7f"])
async def test_an_idempotency_key_that_is_none_is_refused(sessions: Sessions, holder: Trader, key: str) -> None:
    stood = await written(sessions)
    problem(await holder.call("POST", "/v1/offers", OFFER, {"Idempotency-Key": key}), 422, "Idempotency-Key")
    assert await written(sessions) == stood


async def test_a_method_that_a_path_does_not_take_is_named(holder: Trader) -> None:
    for path, allowed in (("/v1/offers", "GET, POST"), (f"/v1/wants/{new_id()}", "GET, PATCH"), ("/v1/me", "GET")):
        answer = await holder.call("PUT", path, OFFER)
        problem(answer, 405)
        assert answer.headers["allow"] == allowed
