"""What comes in over HTTP: joining, sites, licences, keys, drafts of listings, and answers to matches."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, StrictBool, ValidationInfo, create_model, field_validator

from contracts import listings as public
from contracts.countries import DEFAULT
from contracts.values import (
    Grade,
    Language,
    Line,
    Paragraphs,
    Phrase,
    PositiveAmount,
    PositiveQuantity,
    Price,
    Rhythm,
    Time,
    Value,
    Word,
)
from kit.identity import ALL_SCOPES

EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
MAX_ACCEPTED = 12  # matching.md, section 2
EARTH_KM = 20_100  # half the way round: no radius needs more


def _written_day(value: Any) -> Any:
    """Only YYYY-MM-DD: a number or a time would be read as some day that nobody meant."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError('write a date as "2027-03-31"')
    if not isinstance(value, str | date):
        raise ValueError('write a date as text, such as "2027-03-31"')
    return value


def _of_our_days(day: date) -> date:
    if not 1900 <= day.year <= 2200:
        raise ValueError("must lie between the years 1900 and 2200")
    return day


Day = Annotated[date, BeforeValidator(_written_day), AfterValidator(_of_our_days)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, strict=True, examples=[-12.0256])]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, strict=True, examples=[-76.919])]


def _of_characters(secret: SecretStr) -> SecretStr:
    """Half a character cannot be hashed, and a NUL is typed by nobody."""
    if any(character == "\0" or unicodedata.category(character) == "Cs" for character in secret.get_secret_value()):
        raise ValueError("holds something that is no character: type it anew")
    return secret


Password = Annotated[SecretStr, Field(max_length=128), AfterValidator(_of_characters)]
Scope = Literal["listings:read", "listings:write", "matches:read", "matches:write", "events:read", "notices:read"]
assert set(Scope.__args__) == set(ALL_SCOPES)  # type: ignore[attr-defined]


class SiteDraft(Value):
    """An exact address; place_code in Peru is INEI's UBIGEO."""

    name: Annotated[Line, Field(examples=["Planta Ate"])]
    latitude: Latitude
    longitude: Longitude
    place_code: Annotated[Word | None, Field(examples=["150103"])] = None


class LicenceDraft(Value):
    kind: public.LicenceKind
    number: Word
    valid_until: Day | None = None


class Joining(Value):
    """An organisation joins, with its first site and its first person."""

    tax_id: Annotated[Word, Field(examples=["20990000175"])]
    country: Word = DEFAULT
    name: Annotated[Line, Field(examples=["Confecciones Muestra"])]
    kind: public.OrganisationKind
    activity: Annotated[Word | None, Field(examples=["1410"])] = None
    site: SiteDraft
    licences: Annotated[tuple[LicenceDraft, ...], Field(max_length=20)] = ()
    email: Annotated[Word, Field(examples=["ventas@example.pe"])]
    password: Annotated[Password, Field(min_length=8)]
    display_name: Annotated[Line, Field(examples=["Rosa Quispe"])]
    language: Language = "es"

    @field_validator("email")
    @classmethod
    def _address(cls, email: str) -> str:
        if not EMAIL.fullmatch(email):
            raise ValueError("is no e-mail address, such as ventas@example.pe")
        return email.lower()


class Credentials(Value):
    email: Word
    password: Password


class Renewal(Value):
    refresh_token: Phrase


class SessionToken(BaseModel):
    token: str
    refresh_token: str
    expires_at: Time


class Joined(SessionToken):
    organisation: public.Organisation


class PersonShown(BaseModel):
    id: UUID
    email: str
    display_name: str
    language: Language


class Me(BaseModel):
    """person is null for an API key."""

    organisation: public.Organisation
    person: PersonShown | None
    scopes: tuple[str, ...]


class KeyDraft(Value):
    name: Word
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    expires_at: Time | None = None


class KeyShown(BaseModel):
    id: UUID
    name: str
    scopes: tuple[str, ...]
    expires_at: Time | None
    created_at: Time


class KeyMade(KeyShown):
    """The key itself, shown this once."""

    key: str


class StatedFacts(Value):
    """What the holder knows of an offer; what is left out is presumed from the material until stated."""

    own_process_by_product: StrictBool | None = None
    directly_usable: StrictBool | None = None
    post_consumer: StrictBool | None = None
    same_process: StrictBool | None = None
    ancillary_activity: StrictBool | None = None
    mixed_with_hazardous: StrictBool | None = None

    @property
    def stated(self) -> dict[str, bool]:
        return {name: fact for name, fact in self if fact is not None}


class ListingDraft(Value):
    """What the two sides' drafts have in common; site_id may be left out by an organisation with one site."""

    site_id: UUID | None = None
    title: Annotated[Line, Field(examples=["Retazos de algodón, limpios"])]
    description: Paragraphs = ""
    rhythm: Rhythm = "one_off"
    external_id: Word | None = None


class OfferDraft(ListingDraft):
    material: Annotated[Word, Field(examples=["textile.cotton_offcuts"])]
    quantity: Annotated[PositiveQuantity, Field(examples=[{"amount": "1200", "unit": "kg"}])]
    divisible: StrictBool = True
    minimum_lot: PositiveQuantity | None = None
    price: Annotated[Price | None, Field(examples=[{"amount": "350", "currency": "PEN", "per": "t"}])] = None
    grade: Grade | None = None
    available_from: Time | None = None
    available_until: Time | None = None
    facts: StatedFacts | None = None

    @field_validator("available_until")
    @classmethod
    def _window(cls, end: Time | None, stated: ValidationInfo) -> Time | None:
        return _after(stated.data.get("available_from"), end)


class WantDraft(ListingDraft):
    accepts: Annotated[
        tuple[public.Accepted, ...],
        Field(min_length=1, max_length=MAX_ACCEPTED, examples=[[{"material": "textile.cotton_offcuts", "weight": 1}]]),
    ]
    minimum: Annotated[PositiveQuantity, Field(examples=[{"amount": "500", "unit": "kg"}])]
    maximum: PositiveQuantity | None = None
    accept_partial: StrictBool = False
    radius_km: Annotated[float, Field(gt=0, le=EARTH_KM, allow_inf_nan=False, strict=True, examples=[120])]
    max_price: Price | None = None
    min_grade: Grade | None = None
    needed_from: Time | None = None
    needed_until: Time | None = None

    @field_validator("accepts")
    @classmethod
    def _each_once(cls, accepts: tuple[public.Accepted, ...]) -> tuple[public.Accepted, ...]:
        if len({entry.material for entry in accepts}) != len(accepts):
            raise ValueError("names a material twice: keep one entry for each")
        return accepts

    @field_validator("needed_until")
    @classmethod
    def _window(cls, end: Time | None, stated: ValidationInfo) -> Time | None:
        return _after(stated.data.get("needed_from"), end)


def _after(begin: Time | None, end: Time | None) -> Time | None:
    if begin is not None and end is not None and end < begin:
        raise ValueError("lies before the beginning of the window: put the end after it")
    return end


class NewOffer(OfferDraft):
    publish: StrictBool = False


class NewWant(WantDraft):
    publish: StrictBool = False


def _change_of(draft: type[ListingDraft], name: str) -> type[Value]:
    """A merge patch of a draft: every field may be left out; null clears (RFC 7396, one level deep)."""
    fields: dict[str, Any] = {key: (field.rebuild_annotation() | None, None) for key, field in draft.model_fields.items()}
    return create_model(name, __base__=Value, **fields)


OfferChange = _change_of(OfferDraft, "OfferChange")
WantChange = _change_of(WantDraft, "WantChange")


class Answer(Value):
    """A side's answer to a match, as matching hands it on after it has checked that the pair is a match, or was told."""

    offer_id: UUID
    want_id: UUID
    verb: Literal["accept", "decline", "release", "withdraw"]
    quantity_kg: PositiveAmount | None = None
    offer_version: Annotated[int | None, Field(ge=1, le=2**31, strict=True)] = None
    want_version: Annotated[int | None, Field(ge=1, le=2**31, strict=True)] = None
    reason: Phrase | None = None


class ContactQuery(Value):
    organisation_id: UUID
    deal_ids: Annotated[tuple[UUID, ...], Field(max_length=100)]


class AddressQuery(Value):
    organisation_ids: Annotated[tuple[UUID, ...], Field(max_length=100)]


class Speech(Value):
    language: Language


class KeyQuery(Value):
    key_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
