"""`GET /v1/matches` of an offer against 1,000 standing wants of one bucket (bar: 50 ms), beside the engine alone and the plain reference,
on the same offers, in the same run: through the app, its tables and its market, without the wire."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import Any
from uuid import UUID

import pytest

from contracts.listings import OfferFact, WantFact
from infra.database import ROLES, prepare_database, role_dsn
from kit.forwarding import AsgiPart, PartRequest
from kit.identity import ALL_SCOPES, INTERNAL, Caller
from tests.bench.report import Row, report
from tests.integration.matching.neighbours import TOKEN
from tests.integration.matching.owners import open_standing
from tests.integration.matching.processes import Market, Process, opened
from tests.reference.scorer import ranked
from tests.unit.matching.trading import CATALOGUE, COTTON, MIXED, RULEBOOK, event_of, kilograms, offer, soles, some_place, want

WANTS, OFFERS, REFERENCE_OFFERS, PAGE = 1_000, 60, 10, 20
SEED = 3
BUCKET = "textile"


def some_seeker(random: Random) -> WantFact:
    """Most fit most offers: long lists are what is measured."""
    return want(
        organisation_id=UUID(int=random.randrange(1000, 2000)),
        accepts=random.choice([[COTTON], [MIXED], [COTTON, MIXED]]),
        minimum=kilograms(random.choice([100, 300, 500])),
        maximum=random.choice([None, kilograms(random.randint(800, 5000))]),
        max_price=random.choice([None, soles(random.randint(120, 400))]),
        min_grade=random.choice([None, "B", "C"]),
        place=some_place(random),
        radius_km=random.choice([100.0, 1000.0]),
    )


def some_holder(random: Random) -> OfferFact:
    amount, price = random.randint(500, 4000), soles(random.randint(50, 150))
    return offer(organisation_id=UUID(int=random.randrange(1000)), amount=amount, price=price, place=some_place(random))


@pytest.fixture
async def market(empty_database: str) -> AsyncIterator[Market]:
    await prepare_database(empty_database, dict.fromkeys(ROLES, "bench"))
    async with AsyncExitStack() as stack, opened(await open_standing(role_dsn(empty_database, "matching", "bench"), stack)) as market:
        yield market


async def listed(process: Process, fact: OfferFact, **query: Any) -> Any:
    """One page, as a part asks another in the same process."""
    headers = Caller(fact.organisation_id, None, frozenset(ALL_SCOPES)).headers() | {INTERNAL: TOKEN}
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    asked = "&".join(f"{name}={value}" for name, value in ({"offer": fact.id} | query).items())
    answer = await AsgiPart(process.app).call(PartRequest("GET", "/v1/matches", asked.encode(), lines))
    body = json.loads(await answer.read())
    assert answer.status == 200, body
    return body


async def timed(call: Callable[[OfferFact], Awaitable[object]], offers: Sequence[OfferFact]) -> list[float]:
    spent = []
    for one in offers:
        begin = time.perf_counter()
        await call(one)
        spent.append((time.perf_counter() - begin) * 1000)
    return spent


def row(engine: str, spent: list[float], note: str) -> Row:
    p50, p99 = statistics.median(spent), sorted(spent)[math.ceil(0.99 * len(spent)) - 1]
    return {"bench": "lists", "engine": engine, "n": WANTS, "p50_ms": p50, "p99_ms": p99, "note": note}


async def test_a_list_against_a_thousand_wants(market: Market) -> None:
    random = Random(SEED)
    wants, offers = [some_seeker(random) for _ in range(WANTS)], [some_holder(random) for _ in range(OFFERS)]
    process = await market.process()
    await market.publish(*map(event_of, wants))
    await market.publish(*map(event_of, offers))
    await market.standing.handled()
    owned = process.ownership.markets[CATALOGUE.partitions[BUCKET]]
    rows = [RULEBOOK.want_row(one, BUCKET) for one in wants]

    async def reference(one: OfferFact) -> list[UUID]:
        asked = RULEBOOK.offer_row(one)
        return [counterpart for counterpart, _ in ranked((wanted.id, asked, wanted) for wanted in rows)]

    async def engine(one: OfferFact) -> int:
        return len(owned.ranking(one, BUCKET))

    async def middle(one: OfferFact) -> Any:
        return await listed(process, one, limit=100, after=cursors[one.id])

    cursors = {one.id: await at_half(process, one) for one in offers}
    for one in offers[:REFERENCE_OFFERS]:
        assert list(owned.ranking(one, BUCKET).ids) == await reference(one), "the engine's lists are not the reference's"
    length = statistics.mean([await engine(one) for one in offers])
    first = await timed(lambda one: listed(process, one, limit=PAGE), offers)
    rows_of = [
        row("plain reference, whole list", await timed(reference, offers[:REFERENCE_OFFERS]), f"{REFERENCE_OFFERS} offers, same lists"),
        row("engine alone, whole list", await timed(engine, offers), f"{length:.0f} matches on average"),
        row(f"GET /v1/matches, first {PAGE}", first, "bar: 50 ms"),
        row("GET /v1/matches, 100 from the middle", await timed(middle, offers), "bar: 50 ms"),
    ]
    baseline = rows_of[0]["p50_ms"]
    report([one | {"ratio_to": {"plain reference": one["p50_ms"] / baseline}} for one in rows_of])


async def at_half(process: Process, one: OfferFact) -> str:
    """A cursor in the middle of the list."""
    after: dict[str, str] = {}
    for _ in range(3):
        page = await listed(process, one, limit=100, **after)
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    return after["after"]
