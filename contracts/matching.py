"""What matching says: matches, why they score as they do, and who was told."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from contracts.envelope import Event
from contracts.listings import Shape
from contracts.values import Evidence

SCORE_VERSION = 1
MatchState = Literal["proposed", "blocked", "offered", "agreed", "declined", "released", "lapsed"]


class Factors(Shape):
    """The five factors, each in [0, 1] (matching.md, section 2); the weights have the same keys."""

    material: float
    quantity: float
    distance: float
    price: float
    quality: float


class Reasons(Shape):
    """One sentence a factor, for people."""

    es: tuple[str, ...]
    en: tuple[str, ...]


class Contact(Shape):
    """Whom to call on the other side of an agreed deal; never in events."""

    name: str
    email: str


class Cause(Shape):
    """Which publication or change made a telling: `count` events of it were made on this partition."""

    listing_id: UUID
    version: int
    partition: int
    count: int


class MatchFields(Shape):
    """A match as both sides see it; score, factors, distance_km and quantity_kg are doubles."""

    id: str
    offer_id: UUID
    want_id: UUID
    material: str
    score: float
    score_version: int = SCORE_VERSION
    factors: Factors
    weights: Factors
    distance_km: float
    quantity_kg: float
    state: MatchState
    accepted_by: tuple[UUID, ...]
    blocked_by: tuple[str, ...]
    evidence: Evidence | None
    offer_version: int
    want_version: int
    deal_id: UUID | None


class Match(MatchFields):
    """A match in an answer: with its reasons, and the other side's contact once agreed."""

    reasons: Reasons
    contact: Contact | None = None


class MatchFact(MatchFields):
    """The data of every `match.*` event. told: whom this event is for; parties: the holder of the offer, then of the want."""

    told: tuple[UUID, ...]
    parties: tuple[UUID, UUID]
    cause: Cause | None = None


class MatchEvent(Event, source="/matching"):
    data: MatchFact


class MatchProposed(MatchEvent, type="pe.ayni.match.proposed.v1"):
    """A pair was told to one or both of its sides (matching.md, section 5)."""


class MatchLapsed(MatchEvent, type="pe.ayni.match.lapsed.v1"):
    """A told pair no longer passes a gate."""


def match_id(offer_id: UUID, want_id: UUID) -> str:
    """The same on every process, before anything is stored."""
    return f"{offer_id}.{want_id}"
