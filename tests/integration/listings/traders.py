"""Who acts in the tests of listings: organisations with one site each, who call the part as the gateway would, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import httpx
from sqlalchemy import text

from contracts.envelope import rfc3339
from kit.database import Sessions
from kit.identity import ALL_SCOPES, INTERNAL, Caller
from kit.ids import new_id
from services.listings.organisation import Organisation, Person, Site

Json = dict[str, Any]
Connection = asyncpg.Connection
TOKEN = "internal"
NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)  # nine in the morning in Lima
ATE, PISCO = (-12.0256, -76.919), (-13.71, -76.2)
COTTON = "textile.cotton_offcuts"
BY_PRODUCT = {"own_process_by_product": True, "directly_usable": True} | dict.fromkeys(
    ("post_consumer", "same_process", "ancillary_activity", "mixed_with_hazardous"), False
)


@dataclass
class FakeClock:
    """Stands still until it is told to move, also backwards."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> None:
        self.now += timedelta(**span)


def at(**span: float) -> str:
    """A moment so far from the beginning of the test, as a body writes it."""
    return rfc3339(NOW + timedelta(**span))


def kilo(amount: str | int, unit: str = "kg") -> Json:
    return {"amount": str(amount), "unit": unit}


def soles(amount: str | int, per: str = "t") -> Json:
    return {"amount": str(amount), "per": per}


def as_role(dsn: str, role: str) -> str:
    """The same database for another role, whose password is its name."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:{role}@{parts.netloc.rpartition('@')[2]}"))


def offer_body(**changes: Any) -> Json:
    body = {"material": COTTON, "title": "Retazos de algodón", "quantity": kilo(2000), "facts": BY_PRODUCT, "publish": True}
    return body | changes


def want_body(**changes: Any) -> Json:
    body = {
        "accepts": [{"material": COTTON}],
        "title": "Busco retazos",
        "minimum": kilo(100),
        "maximum": kilo(5000),
        "accept_partial": True,
        "radius_km": 500,
        "publish": True,
    }
    return body | changes


def joining(tax_id: str = "20990000175") -> Json:
    return {
        "tax_id": tax_id,
        "name": "Confecciones Muestra",
        "kind": "firm",
        "site": {"name": "Planta", "latitude": ATE[0], "longitude": ATE[1]},
        "email": "rosa@example.pe",
        "password": "una clave larga",
        "display_name": "Rosa Quispe",
    }


@dataclass
class Trader:
    """One organisation and its person. Calls carry what the gateway vouches for."""

    http: httpx.AsyncClient
    id: UUID
    site_id: UUID
    person_id: UUID = field(default_factory=new_id)
    scopes: frozenset[str] = frozenset({*ALL_SCOPES, "session"})

    async def call(self, method: str, path: str, body: Any = None, headers: Json | None = None, **options: Any) -> httpx.Response:
        vouched = Caller(self.id, self.person_id, self.scopes).headers() | {INTERNAL: TOKEN}
        content = {} if body is None else {"json": body}
        return await self.http.request(method, path, headers=vouched | (headers or {}), **content, **options)

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None) -> Json:
        answer = await self.call("POST", path, body)
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    async def patch(self, listing: Json, **change: Any) -> Json:
        """A change of the listing as it stands now."""
        path = path_of(listing)
        tag = (await self.call("GET", path)).headers["etag"]
        answer = await self.call("PATCH", path, change, {"If-Match": tag})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def offer(self, **changes: Any) -> Json:
        return await self.post("/v1/offers", offer_body(**changes))

    async def want(self, **changes: Any) -> Json:
        return await self.post("/v1/wants", want_body(**changes))

    async def read(self, listing: Json) -> Json:
        return dict(await self.get(path_of(listing)))

    async def state_of(self, listing: Json) -> str | None:
        """None where it cannot be read: the database may be away."""
        answer = await self.call("GET", path_of(listing))
        return str(answer.json()["state"]) if answer.status_code == 200 else None

    async def has_lapsed(self, listing: Json) -> bool:
        return await self.state_of(listing) == "lapsed"

    async def licence(self, kind: str, valid_until: str | None = None) -> Json:
        return await self.post("/v1/licences", {"kind": kind, "number": "N-1", "valid_until": valid_until})

    async def answer(self, offer: Json, want: Json, verb: str, **more: Any) -> httpx.Response:
        """An answer to a match, as matching hands it on."""
        body = {"offer_id": offer["id"], "want_id": want["id"], "verb": verb} | more
        return await self.call("POST", "/internal/answers", body)

    async def answered(self, offer: Json, want: Json, verb: str, **more: Any) -> Json:
        """The deal after an answer that must stand."""
        answer = await self.answer(offer, want, verb, **more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def path_of(listing: Json) -> str:
    return f"/v1/{'offers' if 'material' in listing else 'wants'}/{listing['id']}"


def problem(answer: httpx.Response, status: int, naming: str | None = None) -> Json:
    """A problem document of this status, one of whose errors names the field."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["content-type"] == "application/problem+json"
    found: Json = answer.json()
    assert all(found[member] for member in ("type", "title", "status", "detail"))
    assert naming is None or naming in [error["field"] for error in found.get("errors", [])], found
    return found


async def join(sessions: Sessions, http: httpx.AsyncClient, kind: str = "firm", where: tuple[float, float] = ATE) -> Trader:
    """As joining leaves it, without the password's 30 ms."""
    return (await join_many(sessions, http, 1, kind, where))[0]


async def join_many(
    sessions: Sessions, http: httpx.AsyncClient, count: int, kind: str = "firm", where: tuple[float, float] = ATE
) -> list[Trader]:
    made = [Trader(http, new_id(), new_id()) for _ in range(count)]
    async with sessions.begin() as session:
        session.add_all(Organisation(id=one.id, country="PE", tax_id=one.id.hex, name="Muestra", kind=kind, created_at=NOW) for one in made)
        await session.flush()
        for one in made:
            place = {"latitude": where[0], "longitude": where[1]}
            session.add(Site(id=one.site_id, organisation_id=one.id, name="Planta", created_at=NOW, **place))
            person = {"email": f"{one.person_id}@example.pe", "display_name": "Rosa", "language": "es", "password_hash": ""}
            session.add(Person(id=one.person_id, organisation_id=one.id, created_at=NOW, **person))
    return made


@dataclass(frozen=True)
class Told:
    """An event of the outbox."""

    type: str
    subject: str
    version: int
    data: Json


async def told(sessions: Sessions, subjects: Sequence[Json] = ()) -> list[Told]:
    """Everything that was ever said (of some subjects), in its order."""
    async with sessions() as session:
        rows = (await session.execute(text("select headers, value from outbox order by id"))).all()
    events = [
        Told(row.headers["ce_type"].removeprefix("pe.ayni.").removesuffix(".v1"), row.headers["ce_subject"], version, json.loads(row.value))
        for row in rows
        if (version := int(row.headers["ce_ayniversion"]))
    ]
    wanted = {one["id"] for one in subjects}
    return [one for one in events if not wanted or one.subject in wanted]


async def types_told(sessions: Sessions, *subjects: Json) -> list[str]:
    return [one.type for one in await told(sessions, subjects)]


TABLES = (
    "organisations",
    "people",
    "sites",
    "licences",
    "offers",
    "wants",
    "deals",
    "sessions",
    "api_keys",
    "catalogue_basis",
    "idempotency",
    "outbox",
)
DIGEST = "select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {} t"


async def written(sessions: Sessions) -> dict[str, str]:
    """A digest of every table: equal before and after what must leave nothing behind."""
    async with sessions() as session:
        return {table: (await session.execute(text(DIGEST.format(table)))).scalar_one() for table in TABLES}
