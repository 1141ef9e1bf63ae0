"""What the listings rest on of the catalogue: as it was when they were last derived from it, and which of them name what."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, String, any_, cast, exists, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.listings.listing import Listing
from services.listings.offer import Offer
from services.listings.want import Want

Kind = TypeVar("Kind", bound=Listing)
Basis = Mapping[str, Any]
_CITED = text("""
    select code, unit, count(distinct id) as listings from (
        select material as code, unit, id from offers, lateral (values (quantity_unit), (minimum_lot_unit), (price_per)) units (unit)
        union all
        select accepts->0->>'material', unit, id from wants, lateral (values (minimum_unit), (maximum_unit), (max_price_per)) units (unit)
        union all
        select accepted->>'material', 'kg', id from wants, lateral jsonb_array_elements(accepts) accepted
    ) cited where unit is not null group by code, unit order by code, unit
""")
_MATCHED = text("select distinct split_part(material, '.', 1) as family, partitions[1] as partition from offers where partitions <> '{}'")


@dataclass(frozen=True, slots=True)
class Cited:
    """So many listings count, or price, the material in the unit."""

    code: str
    unit: str
    listings: int


async def lock_basis(session: AsyncSession) -> dict[str, Basis]:
    """By material, as it was kept; whoever else asks waits until the transaction ends."""
    await session.execute(text("select pg_advisory_xact_lock(hashtextextended('listings.catalogue', 0))"))
    return await kept_basis(session)


async def kept_basis(session: AsyncSession) -> dict[str, Basis]:
    """By material, as it was kept."""
    return {row.code: row.basis for row in await session.execute(text("select code, basis from catalogue_basis"))}


async def keep_basis(session: AsyncSession, basis: Mapping[str, Basis]) -> None:
    """In the place of what was kept."""
    await session.execute(text("delete from catalogue_basis"))
    rows = [{"code": code, "basis": json.dumps(one)} for code, one in basis.items()]
    await session.execute(text("insert into catalogue_basis values (:code, cast(:basis as jsonb))"), rows)


async def cited(session: AsyncSession) -> list[Cited]:
    """Every material that a listing names, with the units in which it is counted."""
    return [Cited(row.code, row.unit, row.listings) for row in await session.execute(_CITED)]


async def matched_on(session: AsyncSession) -> dict[str, int]:
    """By family, the partition that its offers have been sent to."""
    return {row.family: row.partition for row in await session.execute(_MATCHED)}


async def naming(session: AsyncSession, kind: type[Kind], codes: Collection[str], at_once: int) -> AsyncIterator[Sequence[Kind]]:
    """The listings that name one of the materials, page by page, locked in the order of their ids."""
    after: UUID | None = None
    while True:
        statement = select(kind).where(_names(kind, codes)).order_by(col(kind.id)).limit(at_once).with_for_update()
        if after is not None:
            statement = statement.where(col(kind.id) > after)
        page = (await session.execute(statement)).scalars().all()
        if not page:
            return
        yield page
        after = page[-1].id


def _names(kind: type[Listing], codes: Collection[str]) -> ColumnElement[bool]:
    known = any_(literal(list(codes), ARRAY(String)))
    if issubclass(kind, Offer):
        return col(kind.material) == known
    accepted = func.jsonb_array_elements(col(Want.accepts)).table_valued("value").render_derived()
    return exists(select(1).select_from(accepted).where(cast(accepted.c.value.op("->>")("material"), String) == known))
