"""Offers and wants, as they are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import String, Table, Uuid, and_, any_, inspect, literal, or_, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from kit.database import copy_rows
from kit.problems import NotFound
from services.listings.listing import Listing
from services.listings.offer import Offer
from services.listings.want import Want

Kind = TypeVar("Kind", bound=Listing)
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


async def listing(session: AsyncSession, kind: type[Kind], id: UUID) -> Kind:
    """Raises 404."""
    if (found := await session.get(kind, id)) is None:
        raise NotFound("there is no such listing")
    return found


async def lock_listing(session: AsyncSession, kind: type[Kind], id: UUID) -> Kind:
    """Locked until the transaction ends. Raises 404."""
    statement = select(kind).where(col(kind.id) == id).with_for_update().execution_options(populate_existing=True)
    if (found := (await session.execute(statement)).scalar_one_or_none()) is None:
        raise NotFound("there is no such listing")
    return found


async def owners(session: AsyncSession, kind: type[Kind], ids: Sequence[UUID]) -> Sequence[UUID]:
    """Whose these are, each once."""
    statement = select(kind.organisation_id).where(col(kind.id) == any_(literal(list(ids), ARRAY(Uuid)))).distinct()
    return (await session.execute(statement)).scalars().all()


async def lock_listings(session: AsyncSession, kind: type[Kind], ids: Sequence[UUID]) -> dict[UUID, Kind]:
    """Those that exist, locked in the order of their ids until the transaction ends."""
    statement = select(kind).where(col(kind.id) == any_(literal(list(ids), ARRAY(Uuid)))).order_by(col(kind.id)).with_for_update()
    found = (await session.execute(statement.execution_options(populate_existing=True))).scalars()
    return {one.id: one for one in found}


async def my_listings(
    session: AsyncSession, kind: type[Kind], organisation_id: UUID, state: str | None, before: UUID | None, limit: int
) -> Sequence[Kind]:
    """Newest first: ids are UUIDv7, so their order is that of making."""
    statement = select(kind).where(col(kind.organisation_id) == organisation_id)
    if state is not None:
        statement = statement.where(col(kind.state) == state)
    if before is not None:
        statement = statement.where(col(kind.id) < before)
    return (await session.execute(statement.order_by(col(kind.id).desc()).limit(limit))).scalars().all()


async def my_listings_after(
    session: AsyncSession, kind: type[Kind], organisation_id: UUID, state: str | None, after: UUID | None, limit: int
) -> Sequence[Kind]:
    """Oldest first."""
    statement = select(kind).where(col(kind.organisation_id) == organisation_id).order_by(col(kind.id)).limit(limit)
    if state is not None:
        statement = statement.where(col(kind.state) == state)
    if after is not None:
        statement = statement.where(col(kind.id) > after)
    return (await session.execute(statement)).scalars().all()


async def published_wants(session: AsyncSession, organisation_id: UUID) -> Sequence[Want]:
    """Locked, in the order of their ids, so that two such calls never wait for each other in a ring."""
    statement = select(Want).where(Want.organisation_id == organisation_id, Want.state == "published").order_by(col(Want.id))
    return (await session.execute(statement.with_for_update())).scalars().all()


async def by_own_names(session: AsyncSession, kind: type[Kind], owner: UUID, names: Sequence[str]) -> dict[str, Kind]:
    """An organisation's listings by what it calls them: their external_id, or the id of one that has none.

    Locked in the order of their ids."""
    ids = [UUID(name) for name in names if UUID_TEXT.fullmatch(name)]
    is_called = col(kind.external_id) == any_(literal(list(names), ARRAY(String)))
    if ids:
        is_called = or_(is_called, and_(col(kind.external_id).is_(None), col(kind.id) == any_(literal(ids, ARRAY(Uuid)))))
    statement = select(kind).where(col(kind.organisation_id) == owner, is_called).order_by(col(kind.id)).with_for_update()
    found = (await session.execute(statement)).scalars()
    return {str(one.id) if one.external_id is None else one.external_id: one for one in found}


async def add_listings(session: AsyncSession, listings: Sequence[Listing]) -> None:
    """Many new ones of a side at once; the session does not come to know them."""
    if not listings:
        return
    table = inspect(type(listings[0])).local_table
    assert isinstance(table, Table)
    encoders = [(column.name, json.dumps if isinstance(column.type, JSONB) else _as_it_is) for column in table.columns]
    rows = [[encode(getattr(one, name)) for name, encode in encoders] for one in listings]
    await copy_rows(session, table.name, [name for name, _ in encoders], rows)


def _as_it_is(value: Any) -> Any:
    return value


async def confirm_listings(session: AsyncSession, kind: type[Kind], ids: Sequence[UUID], now: datetime) -> None:
    """Their holder has said of these that they are as they were, so they still stand; they are locked."""
    is_one = col(kind.id) == any_(literal(list(ids), ARRAY(Uuid)))
    if ids:
        statement = update(kind).where(is_one, col(kind.state) == "published").values(confirmed_at=now, lapses_at=None)
        await session.execute(statement.execution_options(synchronize_session=False))


async def published_after(session: AsyncSession, kind: type[Kind], after: UUID | None, limit: int) -> Sequence[Kind]:
    """What is on the market, in the order of ids."""
    statement = select(kind).where(col(kind.state) == "published").order_by(col(kind.id)).limit(limit)
    if after is not None:
        statement = statement.where(col(kind.id) > after)
    return (await session.execute(statement)).scalars().all()


async def move_quantities(session: AsyncSession, offer: Offer, offer_less: Decimal, want: Want, want_more: Decimal) -> bool:
    """Takes from the offer and adds to the want, each by a guarded UPDATE (reliability.md, 6.4). False: it is no longer there.

    Negative amounts give back. The caller holds both rows' locks; the guards hold even if it forgot to.
    """
    taken, agreed = col(Offer.taken_kg), col(Want.agreed_kg)
    is_there = col(Offer.quantity_kg) - taken >= offer_less
    is_wanted = or_(col(Want.maximum_kg).is_(None), col(Want.maximum_kg) - agreed >= want_more)
    for statement in (
        update(Offer).where(col(Offer.id) == offer.id, is_there).values(taken_kg=taken + offer_less),
        update(Want).where(col(Want.id) == want.id, is_wanted).values(agreed_kg=agreed + want_more),
    ):
        moved = await session.execute(statement.execution_options(synchronize_session=False))
        assert isinstance(moved, CursorResult)
        if moved.rowcount != 1:
            return False
    await session.refresh(offer, ["taken_kg"])
    await session.refresh(want, ["agreed_kg"])
    return True
