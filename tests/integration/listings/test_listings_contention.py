"""Invariant 5 under a crowd: 200 buyers at once on 50 lots, nothing oversold, no want overfilled, to the gram; and its control.

The checker reads the raw tables and shares nothing with the part. The control buys by check-then-write: it must be found out, or the
checker proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from kit.database import Sessions
from kit.ids import new_id
from services.listings.deal import Deal
from services.listings.listing import Listing
from services.listings.offer import Offer
from services.listings.want import Want
from tests.integration.listings.traders import (
    COTTON,
    NOW,
    FakeClock,
    Json,
    Trader,
    join_many,
    kilo,
    offer_body,
    problem,
    types_told,
    want_body,
)

BUYERS, LOTS, LOTS_A_BUYER = 200, 50, 2
LOT_KG, MOST_KG = Decimal(600), Decimal("150.5")
SEED = 20261124


@dataclass(frozen=True)
class Purchase:
    """One buyer wants so much of one lot; the holder has accepted it already."""

    buyer: Trader
    offer: Json
    want: Json
    quantity_kg: Decimal


Buy = Callable[[Purchase], Awaitable[bool]]


async def a_crowd(sessions: Sessions, http: httpx.AsyncClient, random: Random) -> list[Purchase]:
    """Every buyer after two lots, which together are more than it may take: lots and wants are both too small."""
    holder, *buyers = await join_many(sessions, http, 1 + BUYERS, "cooperative")
    lot = await holder.offer(quantity=kilo(str(LOT_KG)))
    want = await buyers[0].want(minimum=kilo("0.001"), maximum=kilo(str(MOST_KG)))
    offers = await copies(sessions, Offer, lot, [holder] * LOTS)
    wants = await copies(sessions, Want, want, buyers)
    purchases = [
        Purchase(buyer, offer, want, Decimal(random.randint(40_000, 160_000)) / 1000)
        for buyer, want in zip(buyers, wants, strict=True)
        for offer in random.sample(offers, LOTS_A_BUYER)
    ]
    async with sessions.begin() as session:
        session.add_all(_offered(holder, one) for one in purchases)
    return purchases


async def copies(sessions: Sessions, kind: type[Listing], made: Json, owners: list[Trader]) -> list[Json]:
    """Listings like one that was made through the door, for each of these."""
    async with sessions.begin() as session:
        like = (await session.get_one(kind, UUID(made["id"]))).model_dump()
        rows = [kind(**like | {"id": new_id(), "organisation_id": one.id, "site_id": one.site_id}) for one in owners]
        session.add_all(rows)
        return [made | {"id": str(row.id)} for row in rows]


def _offered(holder: Trader, one: Purchase) -> Deal:
    kg = one.quantity_kg
    ids = {"id": new_id(), "offer_id": UUID(one.offer["id"]), "want_id": UUID(one.want["id"])}
    sides = {"holder_id": holder.id, "seeker_id": one.buyer.id, "answered_by": holder.id}
    state = {"material": COTTON, "state": "offered", "holder_kg": kg, "quantity_kg": kg, "version": 1, "created_at": NOW, "updated_at": NOW}
    return Deal(**ids, **sides, **state)


@dataclass(frozen=True)
class Books:
    """What is agreed of every listing, by the deals; and what each listing says was taken of it, and how much there is."""

    sold: dict[str, Decimal]
    taken: dict[str, tuple[Decimal, Decimal]]

    def oversold(self) -> list[str]:
        return [id for id, kg in self.sold.items() if kg > self.taken[id][1]]

    def wrong(self) -> list[str]:
        return [id for id, (taken, _) in self.taken.items() if taken != self.sold.get(id, 0)]

    def left(self, id: str) -> Decimal:
        return self.taken[id][1] - self.taken[id][0]


async def books(sessions: Sessions) -> Books:
    async with sessions() as session:
        deals = await session.execute(
            text(
                "select side.id::text as id, sum(quantity_kg) as kg from deals, lateral (values (offer_id), (want_id)) as side (id)"
                " where state = 'agreed' group by side.id"
            )
        )
        stated = await session.execute(
            text("select id::text, taken_kg, quantity_kg from offers union all select id::text, agreed_kg, maximum_kg from wants")
        )
        return Books({row.id: row.kg for row in deals}, {id: (taken, whole) for id, taken, whole in stated})


async def rush(purchases: list[Purchase], buy: Buy, random: Random) -> list[Purchase]:
    """All at once; those that were refused."""
    crowd = random.sample(purchases, len(purchases))
    outcomes = await asyncio.gather(*(buy(one) for one in crowd))
    return [one for one, is_bought in zip(crowd, outcomes, strict=True) if not is_bought]


async def accept(one: Purchase) -> bool:
    """As a buyer does."""
    answer = await one.buyer.answer(one.offer, one.want, "accept", quantity_kg=str(one.quantity_kg))
    if answer.status_code == 409:
        assert problem(answer, 409)["type"].endswith("gone")
        return False
    assert answer.status_code == 200, answer.text
    return bool(answer.json()["state"] == "agreed")


def check_then_write(sessions: Sessions) -> Buy:
    """The classic mistake, in the same tables: look, decide, and write what was decided."""

    async def bought(one: Purchase) -> bool:
        async with sessions.begin() as session:
            found = await session.execute(text("select taken_kg, quantity_kg from offers where id = :id"), {"id": one.offer["id"]})
            taken, whole = found.one()
            if whole - taken < one.quantity_kg:
                return False
            write = text("update offers set taken_kg = :taken where id = :id")
            await session.execute(write, {"taken": taken + one.quantity_kg, "id": one.offer["id"]})
            agree = text("update deals set state = 'agreed', seeker_kg = holder_kg where offer_id = :offer and want_id = :want")
            await session.execute(agree, {"offer": one.offer["id"], "want": one.want["id"]})
            return True

    return bought


async def test_two_hundred_buyers_at_once_on_fifty_lots_oversell_nothing_and_overfill_no_want(
    sessions: Sessions, http: httpx.AsyncClient
) -> None:
    random = Random(SEED)
    purchases = await a_crowd(sessions, http, random)
    refused = await rush(purchases, accept, random)
    found = await books(sessions)
    assert found.oversold() == []
    assert found.wrong() == [], "available + taken = offered, and what the deals say is what was taken"
    assert 0 < len(refused) < len(purchases), "some were refused, and some not: else nothing was at stake"
    asked = {id: sum(one.quantity_kg for one in purchases if id in (one.offer["id"], one.want["id"])) for id in found.taken}
    assert sum(asked[one["id"]] > LOT_KG for one in {one.offer["id"]: one.offer for one in purchases}.values()) > LOTS / 2
    for one in refused:
        left = min(found.left(one.offer["id"]), found.left(one.want["id"]))
        assert one.quantity_kg > left, "nobody was refused what was there"


async def test_the_control_check_then_write_is_found_to_oversell(sessions: Sessions, http: httpx.AsyncClient) -> None:
    random = Random(SEED)
    purchases = await a_crowd(sessions, http, random)
    await rush(purchases, check_then_write(sessions), random)
    assert (await books(sessions)).oversold(), "if this control passes for correct, the test above proves nothing"


async def test_acceptances_releases_and_changes_of_quantity_at_once_leave_the_books_right(
    sessions: Sessions, http: httpx.AsyncClient
) -> None:
    """Also in opposite orders of lots: no deadlock reaches a caller as a 500."""
    random = Random(SEED)
    holder = (await join_many(sessions, http, 1))[0]
    seekers = await join_many(sessions, http, 8, "cooperative")
    offers = [await holder.offer(quantity=kilo(1000)) for _ in range(2)]
    wants = [await one.want(minimum=kilo(1), maximum=None) for one in seekers]
    pairs = [(one, offer, want) for one, want in zip(seekers, wants, strict=True) for offer in offers]
    for _, offer, want in pairs:
        await holder.answered(offer, want, "accept", quantity_kg="150")

    async def trade(seeker: Trader, offer: Json, want: Json) -> list[int]:
        verbs = [("accept", {"quantity_kg": "150"}), ("release", {"reason": "No"}), ("withdraw", {})]
        return [(await seeker.answer(offer, want, verb, **more)).status_code for verb, more in verbs]

    async def resize(offer: Json) -> list[int]:
        codes = []
        for kg in (1200, 900, 1000):
            tag = (await holder.call("GET", f"/v1/offers/{offer['id']}")).headers["etag"]
            codes.append((await holder.call("PATCH", f"/v1/offers/{offer['id']}", {"title": f"{kg}"}, {"If-Match": tag})).status_code)
        return codes

    work = [trade(*pair) for pair in random.sample(pairs, len(pairs))] + [resize(offer) for offer in offers]
    codes = {code for found in await asyncio.gather(*work) for code in found}
    assert codes <= {200, 409, 412}
    found = await books(sessions)
    assert (found.wrong(), found.oversold()) == ([], [])


async def test_fifty_changes_at_once_with_one_etag_make_one_change(sessions: Sessions, holder: Trader) -> None:
    offer = await holder.offer()
    path, tag = f"/v1/offers/{offer['id']}", {"If-Match": f'"{offer["version"]}"'}
    answers = await asyncio.gather(*(holder.call("PATCH", path, {"title": f"Título {n}"}, tag) for n in range(50)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [412] * 49
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    stands = await holder.read(offer)
    assert (stands["title"], stands["version"]) == (won["title"], offer["version"] + 1)
    assert await types_told(sessions) == ["offer.published", "offer.changed"]


@pytest.mark.parametrize("path", ["/v1/offers", "/v1/wants"])
async def test_fifty_posts_at_once_with_one_idempotency_key_have_one_effect(sessions: Sessions, holder: Trader, path: str) -> None:
    body = offer_body() if path == "/v1/offers" else want_body()
    key = {"Idempotency-Key": "una-vez"}
    answers = await asyncio.gather(*(holder.call("POST", path, body, key) for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert problem(answer, 409)["type"].endswith("idempotency-key-in-flight")
            assert answer.headers["retry-after"] == "1"
    assert [one["id"] for one in (await holder.get(path))["items"]] == list(made)
    assert len(await types_told(sessions)) == 1
    again = await holder.call("POST", path, body, key)
    assert (again.status_code, again.json()["id"]) == (201, made.pop())
    problem(await holder.call("POST", path, body | {"title": "Otro"}, key), 422)


async def test_a_key_is_its_organisations_and_is_forgotten_after_a_day(holder: Trader, stranger: Trader, clock: FakeClock) -> None:
    key = {"Idempotency-Key": "la-misma"}
    mine = (await holder.call("POST", "/v1/offers", offer_body(), key)).json()["id"]
    theirs = (await stranger.call("POST", "/v1/offers", offer_body(title="De otro"), key)).json()["id"]
    assert mine != theirs
    clock.move(hours=23, minutes=59)
    assert (await holder.call("POST", "/v1/offers", offer_body(), key)).json()["id"] == mine
    clock.move(minutes=1)
    assert (await holder.call("POST", "/v1/offers", offer_body(), key)).json()["id"] != mine


async def test_two_retries_of_a_refused_call_are_judged_anew(holder: Trader) -> None:
    """A refusal leaves nothing, its key neither: what was mended may come with the same key."""
    key = {"Idempotency-Key": "reintento"}
    problem(await holder.call("POST", "/v1/offers", offer_body(material="no.such"), key), 422, "material")
    assert (await holder.call("POST", "/v1/offers", offer_body(), key)).status_code == 201
