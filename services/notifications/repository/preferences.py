"""Preferences in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.notifications.preference import DigestHour, Refusal


async def refused_of(session: AsyncSession, person_ids: Collection[UUID]) -> dict[UUID, set[tuple[str, str]]]:
    """Of each of these people, which kinds they do not want over which channels."""
    found: dict[UUID, set[tuple[str, str]]] = {person: set() for person in person_ids}
    for row in (await session.execute(select(Refusal).where(col(Refusal.person_id).in_(person_ids)))).scalars():
        found[row.person_id].add((row.kind, row.channel))
    return found


async def hours_of(session: AsyncSession, person_ids: Collection[UUID]) -> dict[UUID, int]:
    """The digest hours of those who chose one."""
    rows = await session.execute(select(DigestHour).where(col(DigestHour.person_id).in_(person_ids)))
    return {row.person_id: row.hour for row in rows.scalars()}


async def refuse(session: AsyncSession, person_id: UUID, refused: Iterable[tuple[str, str]]) -> None:
    """Harmless when it was refused before."""
    rows = [{"person_id": person_id, "kind": kind, "channel": channel} for kind, channel in sorted(refused)]
    if rows:
        await session.execute(insert(Refusal).values(rows).on_conflict_do_nothing())


async def accept_all(session: AsyncSession, person_id: UUID) -> None:
    """Everything over every channel again."""
    await session.execute(delete(Refusal).where(col(Refusal.person_id) == person_id))


async def keep_hour(session: AsyncSession, person_id: UUID, hour: int) -> None:
    """Their digest comes at this hour from now on."""
    statement = insert(DigestHour).values(person_id=person_id, hour=hour)
    await session.execute(statement.on_conflict_do_update(index_elements=["person_id"], set_={"hour": hour}))
