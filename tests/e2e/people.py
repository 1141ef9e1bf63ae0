"""Who plays in the end-to-end tests: organisations that join through the gateway, and what they post."""

from __future__ import annotations

import secrets
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from kit.idempotency import KeyInFlight
from tests.patience import until

Json = dict[str, Any]
WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
BY_PRODUCT = {"own_process_by_product": True, "directly_usable": True, "post_consumer": False} | dict.fromkeys(
    ("same_process", "ancillary_activity", "mixed_with_hazardous"), False
)
COTTON = "textile.cotton_offcuts"
NUMBERS = count(secrets.randbelow(10**6))  # drawn one by one, two of some hundred would be the same now and then


def new_tax_id() -> str:
    """A RUC of nobody: prefix 20, the range 2099..., the right check digit."""
    body = f"2099{next(NUMBERS) % 10**6:06d}"
    return body + str((11 - sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11) % 10)


class Member:
    """A person of one organisation, signed in."""

    def __init__(self, http: httpx.Client, organisation: Json, token: str, credentials: Json) -> None:
        self.http, self.organisation, self.token, self.credentials = http, organisation, token, credentials

    @property
    def id(self) -> str:
        return str(self.organisation["id"])

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.http.request(method, path, headers=headers, **options)

    def settled(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer; those that say "ask again in a moment" are taken at their word."""

        def answered() -> httpx.Response | None:
            answer = self.call(method, path, **options)
            is_at_work = answer.status_code == 409 and answer.json()["type"].endswith(KeyInFlight.slug)
            return None if answer.status_code == 503 or is_at_work else answer

        return until(answered, f"{path} answers")

    def get(self, path: str, **params: Any) -> Any:
        answer = self.settled("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Json | None = None) -> Json:
        """Under a key, so that it is done once however often it is asked."""
        answer = self.settled("POST", path, json=body, headers={"Idempotency-Key": str(uuid4())})
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    def offer(self, **changes: Any) -> Json:
        return self.post("/v1/offers", offer_body(**changes))

    def want(self, **changes: Any) -> Json:
        return self.post("/v1/wants", want_body(**changes))

    def feed(self, after: str | None = None) -> list[Json]:
        """Everything in the feed behind a cursor."""
        events: list[Json] = []
        while page := self.get("/v1/events", limit=100, **({"after": after} if after else {})):
            if not page["items"]:
                return events
            events, after = events + page["items"], page["next"]
        return events


def offer_body(**changes: Any) -> Json:
    return {
        "material": COTTON,
        "title": "Retazos de algodón",
        "quantity": {"amount": "2000", "unit": "kg"},
        "price": {"amount": "100", "currency": "PEN", "per": "t"},
        "grade": "B",
        "facts": BY_PRODUCT,
        "publish": True,
    } | changes


def want_body(**changes: Any) -> Json:
    return {
        "accepts": [{"material": COTTON, "weight": 1}],
        "title": "Busco retazos",
        "minimum": {"amount": "1000", "unit": "kg"},
        "maximum": {"amount": "5000", "unit": "kg"},
        "accept_partial": True,
        "radius_km": 500,
        "max_price": {"amount": "200", "currency": "PEN", "per": "t"},
        "min_grade": "C",
        "publish": True,
    } | changes


def joining(kind: str = "firm", latitude: float = -12.0256, longitude: float = -76.919) -> Json:
    """What a new organisation says of itself."""
    tax_id = new_tax_id()
    credentials = {"email": f"p.{tax_id}@example.pe", "password": f"clave-{tax_id}"}
    site = {"name": "Planta", "latitude": latitude, "longitude": longitude}
    return credentials | {"tax_id": tax_id, "name": f"Muestra {tax_id}", "kind": kind, "site": site, "display_name": "Rosa"}


def join(http: httpx.Client, kind: str = "firm", latitude: float = -12.0256, longitude: float = -76.919) -> Member:
    body = joining(kind, latitude, longitude)
    answer = http.post("/v1/organisations", json=body)
    assert answer.status_code == 201, answer.text
    credentials = {name: body[name] for name in ("email", "password")}
    return Member(http, answer.json()["organisation"], answer.json()["token"], credentials)
