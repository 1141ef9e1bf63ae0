"""Deliveries in SQL: who is still to be asked for, what is due, and what was told to whom.

Load-bearing: every claim is `for update skip locked`, so that of two workers one has it; and places of a day are counted under their row's
lock, so that two notices at once never take the same place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from kit.ids import new_id
from services.notifications.delivery import Delivery, DeliveryItem, InstantDay
from services.notifications.notice import Notice


async def notices_to_address(session: AsyncSession, organisation_ids: Collection[UUID], limit: int) -> list[Notice]:
    """Notices to these organisations that are not addressed yet, oldest first, each for us alone until this transaction ends."""
    is_open = col(Notice.addressed_at).is_(None) & col(Notice.organisation_id).in_(organisation_ids)
    statement = select(Notice).where(is_open).order_by(col(Notice.id)).limit(limit)
    return list((await session.execute(statement.with_for_update(skip_locked=True))).scalars())


async def organisations_to_ask(session: AsyncSession, limit: int) -> list[UUID]:
    """Whose people are to hear of the oldest notices, without a lock: the question goes over the network."""
    oldest = select(Notice.organisation_id).where(col(Notice.addressed_at).is_(None)).order_by(col(Notice.id)).limit(limit)
    return list((await session.execute(select(oldest.subquery().c.organisation_id).distinct())).scalars())


async def already_told(session: AsyncSession, notice_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """Of these notices, (person, notice) where one is in a delivery already."""
    statement = select(DeliveryItem.person_id, DeliveryItem.notice_id).where(col(DeliveryItem.notice_id).in_(notice_ids))
    return {(person, notice) for person, notice in await session.execute(statement)}


async def take_places(session: AsyncSession, person_id: UUID, day: date, wanted: int, limit: int) -> int:
    """How many of the wanted places of that day are left; they are taken."""
    if not wanted:
        return 0
    await session.execute(insert(InstantDay).values(person_id=person_id, day=day, taken=0).on_conflict_do_nothing())
    statement = select(InstantDay).where(InstantDay.person_id == person_id, InstantDay.day == day).with_for_update()
    found = (await session.execute(statement.execution_options(populate_existing=True))).scalar_one()
    granted = max(0, min(wanted, limit - found.taken))
    found.taken += granted
    return granted


async def open_digest(session: AsyncSession, person_id: UUID, organisation_id: UUID, day: date, due_at: datetime) -> UUID | None:
    """The digest of that day, made if there is none, kept from being claimed until this transaction ends. None where it has gone out."""
    statement = insert(Delivery).values(
        id=new_id(),
        person_id=person_id,
        organisation_id=organisation_id,
        channel="email",
        digest_day=day,
        state="waiting",
        attempts=0,
        due_at=due_at,
        next_attempt_at=due_at,
        may_have_arrived=False,
    )
    is_open = (col(Delivery.state) == "waiting") & (col(Delivery.attempts) == 0)
    found = await session.execute(
        statement.on_conflict_do_update(
            constraint="deliveries_one_digest_a_day", set_={"organisation_id": organisation_id}, where=is_open
        ).returning(col(Delivery.id))
    )
    return found.scalar_one_or_none()


async def put(session: AsyncSession, delivery_id: UUID, person_id: UUID, notices: Sequence[Notice]) -> None:
    """These notices are told to this person in that delivery."""
    rows = [
        {"person_id": person_id, "notice_id": notice.id, "channel": "email", "delivery_id": delivery_id}
        for notice in sorted(notices, key=lambda notice: notice.id)
    ]
    await session.execute(insert(DeliveryItem), rows)


async def move_items(session: AsyncSession, from_id: UUID, to_id: UUID) -> None:
    """What one delivery was to tell is told by the other."""
    await session.execute(update(DeliveryItem).where(col(DeliveryItem.delivery_id) == from_id).values(delivery_id=to_id))


async def due(session: AsyncSession, now: datetime, limit: int) -> list[Delivery]:
    """What is to be handed over now and claimed by nobody alive, longest due first, each for us alone until this transaction ends."""
    is_free = or_(col(Delivery.claimed_until).is_(None), col(Delivery.claimed_until) <= now)
    statement = select(Delivery).where(Delivery.state == "waiting", Delivery.next_attempt_at <= now, is_free)
    statement = statement.order_by(col(Delivery.next_attempt_at), col(Delivery.id)).limit(limit)
    return list((await session.execute(statement.with_for_update(skip_locked=True))).scalars())


async def locked(session: AsyncSession, delivery_id: UUID) -> Delivery:
    """As it is now."""
    statement = select(Delivery).where(Delivery.id == delivery_id).with_for_update()
    return (await session.execute(statement)).scalar_one()


async def told_by(session: AsyncSession, delivery_id: UUID, without: Collection[str], limit: int) -> tuple[list[Notice], int]:
    """The first notices of a delivery but for those kinds, and how many there are."""
    is_told = (col(DeliveryItem.delivery_id) == delivery_id) & col(Notice.kind).not_in(without)
    joined = col(DeliveryItem.notice_id) == col(Notice.id)
    count = await session.execute(select(func.count()).select_from(DeliveryItem).join(Notice, joined).where(is_told))
    first = select(Notice).join(DeliveryItem, joined).where(is_told).order_by(col(Notice.id)).limit(limit)
    return list((await session.execute(first)).scalars()), count.scalar_one()


async def waiting_digests(session: AsyncSession, person_id: UUID) -> list[Delivery]:
    """This person's digests that have not begun to go out, locked in the order in which everybody locks them."""
    statement = select(Delivery).where(
        Delivery.person_id == person_id, col(Delivery.digest_day).is_not(None), Delivery.state == "waiting", Delivery.attempts == 0
    )
    return list((await session.execute(statement.order_by(col(Delivery.digest_day)).with_for_update())).scalars())


async def forget_days(session: AsyncSession, before: date) -> None:
    """Counts of days that no clock comes back to."""
    await session.execute(delete(InstantDay).where(col(InstantDay.day) < before))
