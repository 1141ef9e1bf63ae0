"""Offers, wants and deals as listings publishes them, for the tests of matching.

Load-bearing: amounts, prices and places come from small grids, so that pairs tie, lie on both sides of 0.5, and are closed by each gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from contracts.catalogue import load_catalogue
from contracts.countries import country
from contracts.envelope import Event
from contracts.listings import (
    DealAgreed,
    DealDeclined,
    DealFact,
    DealOffered,
    DealReleased,
    DealVoided,
    OfferChanged,
    OfferFact,
    OfferPublished,
    OfferWithdrawn,
    WantChanged,
    WantFact,
    WantPublished,
    WantWithdrawn,
)
from kit.ids import new_id
from services.matching.bucket import Rulebook

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COTTON, MIXED, RAGS = "textile.cotton_offcuts", "textile.mixed_offcuts", "textile.wiping_rags"
STEEL, TYRE_WIRE, DRUMS = "metal.steel_light", "rubber.tyre_wire", "packaging.steel_drums"  # the last two may be offered for the first
CATALOGUE = load_catalogue()
RULEBOOK = Rulebook(CATALOGUE, country())
HOLDER, SEEKER = UUID(int=5), UUID(int=6)
FACTS = dict.fromkeys(
    ("own_process_by_product", "directly_usable", "post_consumer", "same_process", "ancillary_activity", "mixed_with_hazardous"), False
)
DEAL_EVENTS = {
    "offered": DealOffered,
    "agreed": DealAgreed,
    "declined": DealDeclined,
    "released": DealReleased,
    "open": DealVoided,
}
Fact = OfferFact | WantFact


def kilograms(amount: object) -> dict[str, str]:
    return {"amount": str(amount), "unit": "kg"}


def soles(amount: object) -> dict[str, str]:
    return {"amount": str(amount), "currency": "PEN", "per": "t"}


def _listing(changes: dict[str, Any], organisation: UUID) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organisation_id": organisation,
        "place": {"department": "Lima", "district": None, "latitude": -12.05, "longitude": -77.04},
        "title": "Retazos",
        "description": "",
        "rhythm": "one_off",
        "version": 1,
        "published_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
        "holder": {"kind": "firm", "licences": []},
        "catalogue_version": CATALOGUE.version,
        "state": "published",
    } | changes


def offer(**changes: Any) -> OfferFact:
    """1,000 kg of cotton offcuts in Lima, a by-product, grade B, 100 PEN a tonne."""
    amount = changes.pop("amount", 1000)
    own = {
        "material": COTTON,
        "quantity": kilograms(amount),
        "available": kilograms(amount),
        "divisible": True,
        "minimum_lot": None,
        "price": soles(100),
        "grade": "B",
        "available_from": NOW,
        "available_until": None,
        "fresh_until": None,
        "lapsed_to_waste": False,
        "facts": FACTS,
        "facts_presumed": [],
        "regime": {"slug": "descarte", "rule": "4", "source": "DL 1278 art. 9"},
    }
    return OfferFact.model_validate(_listing(own | changes, HOLDER))


def want(**changes: Any) -> WantFact:
    """500 to 1,000 kg of cotton offcuts in Lima, grade B, at most 200 PEN a tonne, delivered."""
    accepts: Sequence[str | dict[str, Any]] = changes.pop("accepts", [COTTON])
    own = {
        "accepts": [{"material": one} if isinstance(one, str) else one for one in accepts],
        "minimum": kilograms(500),
        "maximum": kilograms(1000),
        "agreed": kilograms(0),
        "accept_partial": False,
        "radius_km": 500.0,
        "max_price": soles(200),
        "min_grade": "B",
        "needed_from": NOW,
        "needed_until": None,
    }
    return WantFact.model_validate(_listing(own | changes, SEEKER))


def changed(fact: Fact, **changes: Any) -> Any:
    """The listing at its next version."""
    if "amount" in changes:
        changes["available"] = changes["quantity"] = kilograms(changes.pop("amount"))
    return type(fact).model_validate(fact.model_dump() | {"version": fact.version + 1} | changes)


def withdrawn(fact: Fact) -> Any:
    return changed(fact, state="withdrawn")


def published_anew(fact: Fact) -> Any:
    assert fact.published_at is not None
    return changed(fact, state="published", published_at=fact.published_at + MINUTE)


def event_of(fact: Fact) -> Event:
    """What listings says of it: the class follows from its version and state."""
    is_offer = isinstance(fact, OfferFact)
    if fact.state != "published":
        kind: type[Event] = OfferWithdrawn if is_offer else WantWithdrawn
    elif fact.version == 1:
        kind = OfferPublished if is_offer else WantPublished
    else:
        kind = OfferChanged if is_offer else WantChanged
    return kind(id=new_id(), time=NOW, subject=str(fact.id), version=fact.version, data=fact)


def deal_of(offered: OfferFact, wanted: WantFact, state: str, version: int, *, deal_id: UUID, accepted_by: Sequence[UUID] = ()) -> DealFact:
    """What was answered to the pair."""
    return DealFact.model_validate(
        {
            "id": deal_id,
            "offer_id": offered.id,
            "want_id": wanted.id,
            "state": state,
            "quantity_kg": None,
            "accepted_by": tuple(accepted_by),
            "reason": None,
            "version": version,
            "created_at": NOW,
            "updated_at": NOW,
            "material": offered.material,
            "parties": (offered.organisation_id, wanted.organisation_id),
            "answered_by": None,
        }
    )


def deal_event(deal: DealFact) -> Event:
    return DEAL_EVENTS[deal.state](id=new_id(), time=NOW, subject=str(deal.id), version=deal.version, data=deal)


def some_place(random: Random) -> dict[str, Any]:
    latitude = round(-12.05 + random.choice([0, 0, 0.01, 0.3, 2.0]), 2)
    return {"department": "Lima", "district": None, "latitude": latitude, "longitude": -77.04}


def some_offer(random: Random, **changes: Any) -> OfferFact:
    """One of a small market: many are twins but for their id."""
    slug = random.choice(["descarte", "descarte", "descarte", "residuo_no_peligroso"])
    varied = {
        "id": UUID(int=random.getrandbits(128)),
        "organisation_id": random.choice([HOLDER, HOLDER, SEEKER, UUID(int=7)]),
        "material": random.choice([COTTON, MIXED, RAGS, TYRE_WIRE, DRUMS]),
        "amount": random.choice([400, 1000, 1000, 3000]),
        "price": random.choice([None, soles(100), soles(100), soles(180), soles(260)]),
        "grade": random.choice([None, "A", "B", "C"]),
        "place": some_place(random),
        "regime": {"slug": slug, "rule": "4", "source": "DL 1278"},
    }
    return offer(**varied | changes)


def some_want(random: Random, **changes: Any) -> WantFact:
    """One of the same market; some are wanted in several buckets."""
    varied = {
        "id": UUID(int=random.getrandbits(128)),
        "organisation_id": random.choice([SEEKER, SEEKER, HOLDER, UUID(int=8)]),
        "accepts": random.choice([[COTTON], [MIXED, RAGS], [{"material": COTTON, "weight": 0.3}], [STEEL], [STEEL, COTTON]]),
        "maximum": random.choice([None, kilograms(1000), kilograms(2500)]),
        "max_price": random.choice([None, soles(200), soles(200), soles(250)]),
        "min_grade": random.choice([None, "B", "C"]),
        "accept_partial": random.random() < 0.5,
        "radius_km": random.choice([60.0, 500.0]),
        "place": some_place(random),
    }
    return want(**varied | changes)


def some_history(random: Random, steps: int) -> list[Event]:
    """What listings could say of a small market: published, changed, withdrawn, published anew, answered; in order per listing."""
    facts: dict[UUID, Fact] = {}
    deals: dict[tuple[UUID, UUID], DealFact] = {}
    events = []
    for _ in range(steps):
        verb = random.choice(["list"] * 5 + ["change"] * 3 + ["withdraw", "publish", "answer", "answer"]) if facts else "list"
        if verb == "answer":
            if (deal := _some_answer(random, list(facts.values()), deals)) is not None:
                events.append(deal_event(deal))
            continue
        fact = _some_step(random, verb, list(facts.values()))
        facts[fact.id] = fact
        events.append(event_of(fact))
    return events


def _some_step(random: Random, verb: str, facts: list[Fact]) -> Fact:
    if verb == "list":
        return random.choice([some_offer, some_want])(random)
    fact = random.choice(facts)
    if verb == "publish" or fact.state != "published":
        return published_anew(fact)
    if verb == "withdraw":
        return withdrawn(fact)
    twin = some_offer(random) if isinstance(fact, OfferFact) else some_want(random)
    names = ("quantity", "available", "price", "grade") if isinstance(fact, OfferFact) else ("accepts", "max_price", "radius_km")
    return changed(fact, **{name: getattr(twin, name) for name in names})


def _some_answer(random: Random, facts: list[Fact], deals: dict[tuple[UUID, UUID], DealFact]) -> DealFact | None:
    offers = [fact for fact in facts if isinstance(fact, OfferFact)]
    wants = [fact for fact in facts if isinstance(fact, WantFact)]
    if not offers or not wants:
        return None
    offered, wanted = random.choice(offers), random.choice(wants)
    before = deals.get((offered.id, wanted.id))
    id, version = (new_id(), 1) if before is None else (before.id, before.version + 1)
    deal = deal_of(offered, wanted, random.choice(list(DEAL_EVENTS)), version, deal_id=id)
    deals[offered.id, wanted.id] = deal
    return deal


def partitions_of(event: Event) -> set[int]:
    """Where listings sends an event now (a want's former partitions are the sender's business)."""
    if isinstance(event.data, DealFact):
        return {CATALOGUE.partitions[CATALOGUE.materials[event.data.material].family]}
    assert isinstance(event.data, OfferFact | WantFact)
    return RULEBOOK.partitions_of(event.data)


def id_of(event: Event) -> UUID:
    """Of the listing that a listing's event is about."""
    return UUID(event.subject)
