"""Deals, as they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, any_, literal, or_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.listings.deal import Deal
from services.listings.listing import Listing
from services.listings.offer import Offer


async def lock_deal(session: AsyncSession, offer_id: UUID, want_id: UUID) -> Deal | None:
    """The pair's one deal, if anything was ever answered. Offer and want are locked already, so that nobody makes a second."""
    statement = select(Deal).where(Deal.offer_id == offer_id, Deal.want_id == want_id).with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


async def offered_deals(session: AsyncSession, listing: Listing) -> Sequence[Deal]:
    """The open acceptances of a listing, locked, in the order of their ids."""
    side = col(Deal.offer_id) if isinstance(listing, Offer) else col(Deal.want_id)
    statement = select(Deal).where(side == listing.id, Deal.state == "offered").order_by(col(Deal.id)).with_for_update()
    return (await session.execute(statement)).scalars().all()


async def with_open_acceptances(session: AsyncSession, kind: type[Listing], ids: Sequence[UUID]) -> set[UUID]:
    """Of these listings, those that somebody has accepted a match of."""
    side = col(Deal.offer_id) if kind is Offer else col(Deal.want_id)
    statement = select(side).where(side == any_(literal(list(ids), ARRAY(Uuid))), Deal.state == "offered")
    return set((await session.execute(statement)).scalars())


async def is_side_of_agreement(session: AsyncSession, listing: Listing, organisation_id: UUID) -> bool:
    """Whether this organisation has an agreed deal with the listing."""
    side = col(Deal.offer_id) if isinstance(listing, Offer) else col(Deal.want_id)
    statement = select(Deal.id).where(side == listing.id, Deal.state == "agreed", _has_side(organisation_id)).limit(1)
    return (await session.execute(statement)).first() is not None


async def my_deals(session: AsyncSession, organisation_id: UUID, state: str | None, before: UUID | None, limit: int) -> Sequence[Deal]:
    """Newest first."""
    statement = select(Deal).where(_has_side(organisation_id))
    if state is not None:
        statement = statement.where(Deal.state == state)
    if before is not None:
        statement = statement.where(col(Deal.id) < before)
    return (await session.execute(statement.order_by(col(Deal.id).desc()).limit(limit))).scalars().all()


async def agreed_deals(session: AsyncSession, organisation_id: UUID, ids: Sequence[UUID]) -> Sequence[Deal]:
    """Of these deals, those that are agreed and have this organisation as a side."""
    statement = select(Deal).where(col(Deal.id).in_(ids), Deal.state == "agreed", _has_side(organisation_id))
    return (await session.execute(statement)).scalars().all()


def _has_side(organisation_id: UUID) -> ColumnElement[bool]:
    return or_(col(Deal.holder_id) == organisation_id, col(Deal.seeker_id) == organisation_id)
