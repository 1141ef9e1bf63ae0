"""What listings says to everybody: organisations, offers, wants and deals, and the events of their lives.

Load-bearing: `OfferFact` and `WantFact` carry all that matching needs (matching.md, sections 1-4), so that no consumer ever asks back.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.catalogue import Facts
from contracts.countries import Place
from contracts.envelope import Event
from contracts.values import (
    Amount,
    Evidence,
    Grade,
    Language,
    Line,
    Paragraphs,
    PositiveQuantity,
    Price,
    Quantity,
    Rhythm,
    Time,
    Value,
    Word,
)

OrganisationKind = Literal["firm", "cooperative", "recycler", "fish_plant", "facilitator", "authority"]
LicenceKind = Literal[
    "eo_rs",
    "eo_rs_hazardous",
    "recycler_register",
    "hydrobiological_plant",
    "priority_goods_system",
    "own_plant_valorisation",
]
OfferState = Literal["draft", "published", "withdrawn", "lapsed", "exhausted"]
WantState = Literal["draft", "published", "withdrawn", "lapsed", "satisfied"]
DealState = Literal["open", "offered", "agreed", "declined", "released"]
Weight = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, strict=True)]


class Shape(BaseModel):
    """A public shape: readers must pass over fields that they do not know, because shapes grow."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Licence(Shape):
    """A paper that opens a gate of the law; its evidence begins as declared and is raised by an operator."""

    id: UUID
    kind: LicenceKind
    number: Word
    valid_until: date | None
    evidence: Evidence


class HeldLicence(Shape):
    """Of a licence, what every event of its holder's listings tells."""

    kind: LicenceKind
    valid_until: date | None
    evidence: Evidence


class Holder(Shape):
    """Of the organisation behind a listing, what the law asks for; licences valid when the event was made."""

    kind: OrganisationKind
    licences: tuple[HeldLicence, ...]


class Site(Shape):
    """An exact address: seen by its own organisation only."""

    id: UUID
    name: Line
    latitude: float
    longitude: float
    place_code: str | None


class Organisation(Shape):
    """A firm, cooperative, recycler, plant, facilitator or authority."""

    id: UUID
    country: str
    tax_id: str
    name: Line
    kind: OrganisationKind
    verified: bool
    activity: str | None
    sites: tuple[Site, ...]
    licences: tuple[Licence, ...]


class Addressee(Shape):
    """A person as notifications asks for them when it delivers; never in events, never public. country: of their organisation."""

    person_id: UUID
    organisation_id: UUID
    name: str
    email: str
    language: Language
    country: str


class Regime(Shape):
    """What the law makes of an offer: the regime, the rule that decided, its source."""

    slug: str
    rule: str
    source: str


class Warning(Shape):
    """Something that looks wrong and did not stop the write."""

    field: str
    message: str


class Accepted(Value):
    """A material that a want takes, and how gladly."""

    material: Word
    weight: Weight = 1.0


class ListingFields(Shape):
    """What an offer and a want have in common, as others see it."""

    id: UUID
    organisation_id: UUID
    place: Place
    title: Line
    description: Paragraphs
    rhythm: Rhythm
    version: int
    published_at: Time | None
    created_at: Time
    updated_at: Time


class OfferFields(ListingFields):
    """An offer as others see it."""

    material: Word
    quantity: PositiveQuantity
    available: Quantity
    divisible: bool
    minimum_lot: PositiveQuantity | None
    price: Price | None
    grade: Grade | None
    available_from: Time
    available_until: Time | None
    fresh_until: Time | None
    lapsed_to_waste: bool
    facts: Facts
    facts_presumed: tuple[str, ...]
    regime: Regime
    state: OfferState


class WantFields(ListingFields):
    """A want as others see it."""

    accepts: tuple[Accepted, ...]
    minimum: PositiveQuantity
    maximum: PositiveQuantity | None
    agreed: Quantity
    accept_partial: bool
    radius_km: float
    max_price: Price | None
    min_grade: Grade | None
    needed_from: Time
    needed_until: Time | None
    state: WantState


class OwnerFields(Shape):
    """Of a listing, what its owner alone sees (null to others). lapses_at: when it lapses, unless its owner says that it still stands."""

    site_id: UUID | None = None
    external_id: str | None = None
    lapses_at: Time | None = None
    warnings: tuple[Warning, ...] = ()


class Offer(OfferFields, OwnerFields):
    """An offer: "I have this"."""


class Want(WantFields, OwnerFields):
    """A want: "I need this"."""


class StandingFields(Shape):
    """What an event of a listing carries beside the listing."""

    holder: Holder
    catalogue_version: int


class OfferFact(OfferFields, StandingFields):
    """The data of every `offer.*` event."""


class WantFact(WantFields, StandingFields):
    """The data of every `want.*` event."""


class Deal(Shape):
    """What the two sides of a match answered, and what it takes."""

    id: UUID
    offer_id: UUID
    want_id: UUID
    state: DealState
    quantity_kg: Amount | None
    accepted_by: tuple[UUID, ...]
    reason: str | None
    version: int
    created_at: Time
    updated_at: Time


class DealFact(Deal):
    """The data of every `deal.*` event. parties: the holder of the offer, then of the want; had_accepted: whose acceptance this ended."""

    material: str
    parties: tuple[UUID, UUID]
    answered_by: UUID | None
    had_accepted: tuple[UUID, ...] = ()


class OfferEvent(Event, source="/listings"):
    data: OfferFact


class OfferPublished(OfferEvent, type="pe.ayni.offer.published.v1"):
    """An offer came to the market, or came back to it."""


class OfferChanged(OfferEvent, type="pe.ayni.offer.changed.v1"):
    """A published offer changed, by its holder or by a deal; or is open again."""


class OfferWithdrawn(OfferEvent, type="pe.ayni.offer.withdrawn.v1"):
    """Its holder took the offer off the market."""


class OfferLapsed(OfferEvent, type="pe.ayni.offer.lapsed.v1"):
    """The end of its availability has passed, or its holder did not answer whether it is still there."""


class OfferLapsedToWaste(OfferEvent, type="pe.ayni.offer.lapsed_to_waste.v1"):
    """It is no longer fresh: by law it became waste (DL 1278 art. 9)."""


class OfferExhausted(OfferEvent, type="pe.ayni.offer.exhausted.v1"):
    """Deals have taken all of it."""


class WantEvent(Event, source="/listings"):
    data: WantFact


class WantPublished(WantEvent, type="pe.ayni.want.published.v1"):
    """A want came to the market, or came back to it."""


class WantChanged(WantEvent, type="pe.ayni.want.changed.v1"):
    """A published want changed, by its seeker, a deal, or the seeker's licences; or is open again."""


class WantWithdrawn(WantEvent, type="pe.ayni.want.withdrawn.v1"):
    """Its seeker took the want off the market."""


class WantLapsed(WantEvent, type="pe.ayni.want.lapsed.v1"):
    """The end of its need has passed, or its seeker did not answer whether it still stands."""


class WantSatisfied(WantEvent, type="pe.ayni.want.satisfied.v1"):
    """Deals have brought all that it wanted."""


class DealEvent(Event, source="/listings"):
    data: DealFact


class DealOffered(DealEvent, type="pe.ayni.deal.offered.v1"):
    """One side accepted."""


class DealAgreed(DealEvent, type="pe.ayni.deal.agreed.v1"):
    """Both sides accepted; the quantity is taken."""


class DealDeclined(DealEvent, type="pe.ayni.deal.declined.v1"):
    """One side declined."""


class DealVoided(DealEvent, type="pe.ayni.deal.voided.v1"):
    """The answers given are gone: the terms changed, a side withdrew its listing or its answer, or time did."""


class DealReleased(DealEvent, type="pe.ayni.deal.released.v1"):
    """One side released an agreed deal; the quantity returned."""


class Question(Shape):
    """ "Still there?", to the holder of a listing that nobody has touched for long. answer_by: the day, in the holder's country."""

    id: UUID
    side: Literal["offer", "want"]
    organisation_id: UUID
    title: Line
    lapses_at: Time
    answer_by: date


class HolderAsked(Event, type="pe.ayni.holder.asked.v1", source="/listings", is_public=False):
    """A holder was asked whether a listing still stands. version: how often it was asked of this listing."""

    data: Question
