"""What stands around processes of matching: a listings that answers their calls, and members who call through a gateway that vouches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI, Request

from contracts.envelope import Event
from contracts.listings import DealFact, OfferFact, WantFact
from kit.idempotency import HEADER
from kit.identity import ALL_SCOPES, INTERNAL, INTERNAL_ONLY, Caller, caller_of
from kit.ids import new_id
from kit.problems import NotFound, Relayed, document
from kit.web import answer_problems
from tests.patience import PATIENCE_SECONDS, until_found
from tests.unit.matching.trading import deal_of, partitions_of

TOKEN = "internal"
Json = dict[str, Any]


@dataclass
class Listings:
    """Knows what was published, and keeps deals as listings does: a version a change, nothing where an answer is repeated.

    partitions: every one that a listing's events were ever sent to. names: external ids. calls: what was asked for. refusal: what every
    answer is met with: a status, a slug, a detail."""

    facts: dict[UUID, OfferFact | WantFact] = field(default_factory=dict)
    partitions: dict[UUID, set[int]] = field(default_factory=dict)
    names: dict[UUID, str] = field(default_factory=dict)
    deals: dict[tuple[UUID, UUID], DealFact] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refusal: tuple[int, str, str] | None = None

    def hear(self, event: Event) -> set[int]:
        """A listing's newest event; the partitions that it goes to."""
        fact = event.data
        assert isinstance(fact, OfferFact | WantFact)
        self.facts[fact.id] = fact
        self.partitions[fact.id] = self.partitions.get(fact.id, set()) | partitions_of(event)
        return self.partitions[fact.id]

    def app(self) -> FastAPI:
        app = FastAPI(dependencies=[INTERNAL_ONLY])
        app.state.internal_token = TOKEN
        answer_problems(app)

        @app.get("/internal/listings/{side}")
        async def belonging(side: str, request: Request, only: UUID | None = None, after: UUID | None = None) -> Json:
            """Two at once, so that somebody who reads all has to ask again."""
            owner, kind = caller_of(request).organisation_id, OfferFact if side == "offer" else WantFact
            mine = [fact for fact in self.facts.values() if isinstance(fact, kind) and fact.organisation_id == owner]
            found = sorted((one for one in mine if only in (None, one.id) and (after is None or one.id > after)), key=lambda one: one.id)
            items = [{"id": str(one.id), "external_id": self.names.get(one.id), "state": one.state} for one in found[:2]]
            return {"items": items, "next": items[-1]["id"] if len(found) > 2 else None}

        @app.get("/internal/listings/{side}/{id}")
        async def standing(side: str, id: UUID) -> Json:
            self.calls.append(f"{side}/{id}")
            fact = self.facts.get(id)
            if fact is None or isinstance(fact, OfferFact) != (side == "offer"):
                raise NotFound(f"there is no such {side}")
            known = {"organisation_id": str(fact.organisation_id), "state": fact.state, "version": fact.version}
            return known | {"partitions": sorted(self.partitions.get(id, ()))}

        @app.post("/internal/answers")
        async def answer(request: Request) -> Json:
            body = await request.json()
            self.calls.append(body["verb"])
            if self.refusal is not None:
                status, slug, detail = self.refusal
                raise Relayed(document(status, slug, "Refused", detail))
            deal = self.answered(UUID(body["offer_id"]), UUID(body["want_id"]), body["verb"], caller_of(request).organisation_id)
            return deal.model_dump(mode="json")

        return app

    def answered(self, offer_id: UUID, want_id: UUID, verb: str, side: UUID) -> DealFact:
        offered, wanted = self.facts[offer_id], self.facts[want_id]
        assert isinstance(offered, OfferFact)
        assert isinstance(wanted, WantFact)
        before = self.deals.get((offer_id, want_id))
        accepted = set(() if before is None else before.accepted_by) | ({side} if verb == "accept" else set())
        if verb == "accept":
            state = "agreed" if len(accepted) == 2 else "offered"
        else:
            state, accepted = {"decline": "declined", "release": "released", "withdraw": "open"}[verb], set()
        if before is not None and (before.state, set(before.accepted_by)) == (state, accepted):
            return before
        version = 1 if before is None else before.version + 1
        deal_id = new_id() if before is None else before.id
        deal = deal_of(offered, wanted, state, version, deal_id=deal_id, accepted_by=sorted(accepted))
        self.deals[offer_id, want_id] = deal
        return deal


@dataclass
class Member:
    """An organisation that calls one process of matching."""

    http: httpx.AsyncClient
    organisation_id: UUID

    async def call(self, method: str, path: str, body: Json | None = None, key: str | None = None, **query: Any) -> httpx.Response:
        headers = Caller(self.organisation_id, None, frozenset(ALL_SCOPES)).headers() | {INTERNAL: TOKEN}
        headers |= {HEADER: key} if key else {}
        return await self.http.request(method, path, params=query, headers=headers, json=body)

    async def get(self, path: str, **query: Any) -> Any:
        """A 503 says "ask again in a moment", and is taken at its word, as by `post`."""
        answer = await self._settled("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Json | None = None) -> Any:
        answer = await self._settled("POST", path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def _settled(self, method: str, path: str, body: Json | None = None, **query: Any) -> httpx.Response:
        async def settled() -> httpx.Response | None:
            answer = await self.call(method, path, body, **query)
            return None if answer.status_code == 503 else answer

        return await until_found(settled, f"{path} answers", PATIENCE_SECONDS)

    async def pages(self, limit: int = 7, **query: Any) -> list[Json]:
        """A whole list, page by page."""
        items: list[Json] = []
        after: Json = {}
        while True:
            page = await self.get("/v1/matches", limit=limit, **query, **after)
            items += page["items"]
            if page["next"] is None:
                return items
            assert len(page["items"]) == limit, "a page that is not the last is full"
            after = {"after": page["next"]}


def side_of(fact: OfferFact | WantFact) -> str:
    return "offer" if isinstance(fact, OfferFact) else "want"
