"""Events as listings and matching publish them, and a catalogue of two families, for the tests of notifications."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal, cast
from uuid import UUID

from contracts.catalogue import Catalogue
from contracts.envelope import Event
from contracts.listings import DealFact, HolderAsked, OfferFact, OfferPublished, Question, WantFact, WantPublished
from contracts.matching import Cause, MatchFact, MatchProposed, match_id
from kit.bus import Record
from kit.ids import new_id

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
COTTON, PET = "textile.cotton_offcuts", "plastic.pet"
HOLDER, SEEKER, STRANGER = new_id(), new_id(), new_id()
ONES = {"material": 1.0, "quantity": 1.0, "distance": 1.0, "price": 1.0, "quality": 1.0}
FACTS = dict.fromkeys(
    ("own_process_by_product", "directly_usable", "post_consumer", "same_process", "ancillary_activity", "mixed_with_hazardous"), False
)


def small_catalogue() -> Catalogue:
    """Only what notifications reads of a catalogue: families and names."""
    materials = {COTTON: ("textile", "Retazos de algodón", "Cotton offcuts"), PET: ("plastic", "PET molido", "PET flakes")}
    shown = {code: SimpleNamespace(family=family, names=SimpleNamespace(es=es, en=en)) for code, (family, es, en) in materials.items()}
    return cast(Catalogue, SimpleNamespace(materials=shown, version=1))


def _listing(department: str | None, version: int) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "organisation_id": str(HOLDER),
        "place": {"department": department, "district": None, "latitude": -12.07, "longitude": -77.01},
        "title": "Retazos",
        "description": "",
        "rhythm": "one_off",
        "version": version,
        "published_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
        "holder": {"kind": "firm", "licences": []},
        "catalogue_version": 1,
        "state": "published",
    }


def offer_event(
    kind: type[Event] = OfferPublished,
    *,
    material: str = COTTON,
    department: str | None = "Lima",
    version: int = 1,
    subject: UUID | None = None,
) -> Event:
    own = {
        "material": material,
        "quantity": {"amount": "1200", "unit": "kg"},
        "available": {"amount": "1200", "unit": "kg"},
        "divisible": True,
        "minimum_lot": None,
        "price": None,
        "grade": None,
        "available_from": NOW,
        "available_until": None,
        "fresh_until": None,
        "lapsed_to_waste": False,
        "facts": FACTS,
        "facts_presumed": [],
        "regime": {"slug": "descarte", "rule": "4", "source": "DL 1278 art. 9"},
    }
    listing = _listing(department, version) | own | ({"id": str(subject)} if subject else {})
    return _event(kind, OfferFact.model_validate(listing), version)


def want_event(*, accepts: Sequence[str] = (COTTON,), department: str | None = "Lima", version: int = 1) -> Event:
    own = {
        "accepts": [{"material": code} for code in accepts],
        "minimum": {"amount": "100", "unit": "kg"},
        "maximum": None,
        "agreed": {"amount": "0", "unit": "kg"},
        "accept_partial": False,
        "radius_km": 100.0,
        "max_price": None,
        "min_grade": None,
        "needed_from": NOW,
        "needed_until": None,
    }
    return _event(WantPublished, WantFact.model_validate(_listing(department, version) | own), version)


def match_fact(
    offer_id: UUID | None = None,
    want_id: UUID | None = None,
    *,
    cause: str | None = "offer",
    count: int = 1,
    partition: int = 0,
    told: Sequence[UUID] = (HOLDER, SEEKER),
    parties: tuple[UUID, UUID] = (HOLDER, SEEKER),
    score: float = 0.83,
    material: str = COTTON,
) -> MatchFact:
    """cause: which side is the cause, at its version 1."""
    offer_id, want_id = offer_id or new_id(), want_id or new_id()
    causing = {"offer": offer_id, "want": want_id, None: None}[cause]
    return MatchFact.model_validate(
        {
            "id": match_id(offer_id, want_id),
            "offer_id": offer_id,
            "want_id": want_id,
            "material": material,
            "score": score,
            "factors": ONES,
            "weights": ONES,
            "distance_km": 12.3,
            "quantity_kg": 1500.4,
            "state": "proposed",
            "accepted_by": (),
            "blocked_by": (),
            "evidence": None,
            "offer_version": 1,
            "want_version": 1,
            "deal_id": None,
            "told": tuple(told),
            "parties": parties,
            "cause": causing and Cause(listing_id=causing, version=1, partition=partition, count=count),
        }
    )


def match_event(fact: MatchFact | None = None, kind: type[Event] = MatchProposed, *, version: int = 1, **facts: Any) -> Event:
    return _event(kind, fact or match_fact(**facts), version)


def deal_event(kind: type[Event], *, version: int = 1, deal_id: UUID | None = None, **changes: Any) -> Event:
    fact = {
        "id": deal_id or new_id(),
        "offer_id": new_id(),
        "want_id": new_id(),
        "state": "offered",
        "quantity_kg": "1200.5",
        "accepted_by": (),
        "reason": None,
        "version": version,
        "created_at": NOW,
        "updated_at": NOW,
        "material": COTTON,
        "parties": (HOLDER, SEEKER),
        "answered_by": None,
        "had_accepted": (),
    }
    return _event(kind, DealFact.model_validate(fact | changes), version)


def question_event(side: Literal["offer", "want"] = "offer", *, version: int = 1, listing_id: UUID | None = None) -> Event:
    """version: how often it was asked."""
    ends = NOW + timedelta(days=14)
    question = {"id": listing_id or new_id(), "side": side, "organisation_id": HOLDER, "title": "Retazos de algodón", "lapses_at": ends}
    return _event(HolderAsked, Question.model_validate(question | {"answer_by": ends.date()}), version)


def _event(kind: type[Event], fact: Any, version: int) -> Event:
    return kind(id=new_id(), time=NOW, subject=str(fact.id), version=version, data=fact)


def record_of(event: Event, topic: str = "ayni.offers") -> Record:
    """As the bus delivers it."""
    return Record(topic, 0, 0, event.key, event.headers(), event.value(), NOW)
