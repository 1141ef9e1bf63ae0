"""The two sides of the market as data: what differs between an offer and a want wherever the use cases are the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contracts import listings as public
from contracts.countries import Country
from contracts.envelope import Event
from contracts.values import PositiveQuantity, Price
from services.listings.listing import Listing
from services.listings.offer import Offer
from services.listings.organisation import Site
from services.listings.rules import Rules
from services.listings.schemas import ListingDraft, OfferDraft, StatedFacts, WantDraft
from services.listings.service.drafting import offer_warnings, want_warnings, write_offer, write_want
from services.listings.service.telling import tell_listing
from services.listings.spreadsheet import SideName
from services.listings.want import Want

Kind = TypeVar("Kind", bound=Listing)
Draft = TypeVar("Draft", bound=ListingDraft)


@dataclass(frozen=True, slots=True)
class Side(Generic[Kind, Draft]):
    """events: by the state or verb that they tell; judge: what is derived when a listing comes to the market."""

    name: SideName
    kind: type[Kind]
    draft: type[Draft]
    draft_of: Callable[[Kind], Draft]
    write: Callable[[Kind, Draft, Site, Rules, Country, datetime], None]
    warnings: Callable[[Kind, Draft, Rules], tuple[public.Warning, ...]]
    judge: Callable[[Kind, Rules, Country, datetime], None]
    tell: Callable[[AsyncSession, Rules, Any, Kind, datetime], Awaitable[None]]
    events: dict[str, type[Event]]
    end_field: str

    def blank(self, id: UUID, owner: UUID, now: datetime) -> Kind:
        """A listing of which nothing is written yet: table classes do not validate, so the draft may follow."""
        fields: dict[str, Any] = {"id": id, "organisation_id": owner, "created_at": now, "updated_at": now, "confirmed_at": now}
        return self.kind(**fields, **{name: make() for name, make in _factories(self.kind)})


@cache
def _factories(kind: type[Listing]) -> list[tuple[str, Callable[[], Any]]]:
    """Of the fields that begin as an empty list or object. Pydantic would inspect each factory's signature for each instance."""
    return [(name, field.default_factory) for name, field in kind.model_fields.items() if field.default_factory is not None]  # type: ignore[misc]


def _quantity(amount: Any, unit: Any) -> PositiveQuantity | None:
    return None if amount is None else PositiveQuantity(amount=amount, unit=unit)


def _price(amount: Any, per: Any) -> Price | None:
    return None if amount is None else Price(amount=amount, per=per)


def _offer_draft(offer: Offer) -> OfferDraft:
    same = "site_id title description rhythm external_id material divisible grade available_from available_until"
    return OfferDraft(
        **{name: getattr(offer, name) for name in same.split()},
        quantity=PositiveQuantity(amount=offer.quantity_amount, unit=offer.quantity_unit),
        minimum_lot=_quantity(offer.minimum_lot_amount, offer.minimum_lot_unit),
        price=_price(offer.price_amount, offer.price_per),
        facts=StatedFacts(**offer.stated_facts),
    )


def _want_draft(want: Want) -> WantDraft:
    same = "site_id title description rhythm external_id accept_partial radius_km min_grade needed_from needed_until"
    return WantDraft(
        **{name: getattr(want, name) for name in same.split()},
        accepts=tuple(public.Accepted.model_validate(entry) for entry in want.accepts),
        minimum=PositiveQuantity(amount=want.minimum_amount, unit=want.minimum_unit),
        maximum=_quantity(want.maximum_amount, want.maximum_unit),
        max_price=_price(want.max_price_amount, want.max_price_per),
    )


def _no_judgement(_: Want, __: Rules, ___: Country, ____: datetime) -> None:
    """Of a want nothing is derived."""


OFFERS: Side[Offer, OfferDraft] = Side(
    name="offer",
    kind=Offer,
    draft=OfferDraft,
    draft_of=_offer_draft,
    write=write_offer,
    warnings=lambda offer, draft, rules: offer_warnings(offer, draft, rules.material(offer.material)),
    judge=lambda offer, rules, land, now: offer.judge(rules.material(offer.material), land, now),
    tell=tell_listing,
    events={
        "publish": public.OfferPublished,
        "published": public.OfferChanged,
        "withdrawn": public.OfferWithdrawn,
        "lapsed": public.OfferLapsed,
        "exhausted": public.OfferExhausted,
    },
    end_field="available_until",
)
WANTS: Side[Want, WantDraft] = Side(
    name="want",
    kind=Want,
    draft=WantDraft,
    draft_of=_want_draft,
    write=write_want,
    warnings=lambda want, draft, rules: want_warnings(draft, rules.material(want.codes[0])),
    judge=_no_judgement,
    tell=tell_listing,
    events={
        "publish": public.WantPublished,
        "published": public.WantChanged,
        "withdrawn": public.WantWithdrawn,
        "lapsed": public.WantLapsed,
        "satisfied": public.WantSatisfied,
    },
    end_field="needed_until",
)


def side_of(listing: Listing) -> Side[Any, Any]:
    """The side that a listing is on."""
    return OFFERS if isinstance(listing, Offer) else WANTS
