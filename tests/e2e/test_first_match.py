"""An offer finds its buyer: joined, published, matched by the formula, told, agreed, taken (invariant 8)."""

from __future__ import annotations

import math
from decimal import Decimal

import httpx

from tests.e2e.people import Json, Member, join
from tests.patience import until

EARTH_RADIUS_KM, ROAD, FREIGHT = 6371.0088, 1.4, 0.23
WEIGHTS = {"material": 0.40, "quantity": 0.10, "distance": 0.15, "price": 0.25, "quality": 0.10}


def kilometres(here: dict[str, float], there: dict[str, float]) -> float:
    lat1, lon1, lat2, lon2 = (math.radians(place[axis]) for place in (here, there) for axis in ("latitude", "longitude"))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))


def listed(seeker: Member, offer: Json, want: Json, **query: str) -> Json | None:
    """The pair in the want's list; others offer the same there."""
    pairs = seeker.get("/v1/matches", want=want["id"], limit="100", **query)["items"]
    return next((one for one in pairs if one["id"] == f"{offer['id']}.{want['id']}"), None)


def test_a_cooperative_finds_its_offcuts_and_can_recompute_the_score(http: httpx.Client, holder: Member, seeker: Member) -> None:
    offer, want = holder.offer(), seeker.want()
    match = until(lambda: listed(seeker, offer, want), "the match")

    distance = kilometres(offer["place"], want["place"])
    half_distance = http.get("/v1/materials/textile.cotton_offcuts").json()["half_distance_km"]
    delivered = 100 + FREIGHT * ROAD * distance
    by_hand = {
        "material": 1.0,
        "quantity": math.sqrt(2000 / 5000),  # enough for the minimum of 1,000 kg, 2,000 for at most 5,000
        "distance": 2 ** (-distance / half_distance),
        "price": 0.5 + 0.5 * min(1, (200 - delivered) / max(0.2 * 200, 20)),
        "quality": 0.95,  # B where C is asked
    }
    for name, value in by_hand.items():
        assert abs(match["factors"][name] - value) <= 1e-9, name
    assert abs(match["score"] - math.prod(by_hand[name] ** weight for name, weight in WEIGHTS.items())) <= 1e-9
    assert abs(match["distance_km"] - distance) <= 1e-9
    assert match["quantity_kg"] == 2000
    assert len(match["reasons"]["es"]) == len(match["reasons"]["en"]) == 5


def kinds_of_notices(member: Member) -> list[str]:
    return [one["kind"] for one in member.get("/v1/notices")["items"]]


def test_both_are_told_and_what_they_agree_is_taken(http: httpx.Client, holder: Member, seeker: Member) -> None:
    offer, want = holder.offer(), seeker.want()
    path = f"/v1/matches/{offer['id']}.{want['id']}"
    until(lambda: seeker.call("GET", path).status_code == 200, "the match")
    until(lambda: "listing.matched" in kinds_of_notices(seeker), "the notice of who came second")
    until(lambda: "match.proposed" in kinds_of_notices(holder), "the notice of who stood there")

    first = seeker.post(f"{path}/accept", {"quantity_kg": "700.125"})
    assert (first["state"], first["accepted_by"], first["contact"]) == ("offered", [seeker.id], None)
    second = holder.post(f"{path}/accept")
    assert second["state"] == "agreed"
    assert second["contact"]["email"] == seeker.credentials["email"]
    assert Decimal(holder.get(f"/v1/offers/{offer['id']}")["available"]["amount"]) == Decimal("1299.875")
    assert Decimal(seeker.get(f"/v1/wants/{want['id']}")["agreed"]["amount"]) == Decimal("700.125")

    told = until(lambda: [one["type"] for one in seeker.feed() if "deal.agreed" in one["type"]], "deal.agreed in the feed")
    assert told == ["pe.ayni.deal.agreed.v1"]
    assert "@" not in str(seeker.feed())


def test_a_blocked_pair_names_the_paper_that_is_missing(http: httpx.Client, holder: Member) -> None:
    seeker = join(http, "firm")
    offer = holder.offer(facts={"own_process_by_product": False, "directly_usable": False, "post_consumer": True})
    want = seeker.want()
    match = until(lambda: listed(seeker, offer, want, state="blocked"), "the blocked pair")
    assert match["blocked_by"] == ["licence:eo_rs"]
    assert "EO-RS" in match["reasons"]["es"][-1]
    refused = seeker.call("POST", f"/v1/matches/{offer['id']}.{want['id']}/accept")
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
