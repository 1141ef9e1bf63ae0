"""Notices in SQL, and what is gathered until one of them can be written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from contracts.matching import Cause
from services.notifications.notice import Notice, NoticeRead
from services.notifications.repository.feed import Connection
from services.notifications.texts import Pair


@dataclass(frozen=True, slots=True)
class Gathered:
    """One event of a ranking, as it bears on the holder of the listing that caused it."""

    match_id: str
    counterpart_id: UUID
    is_told: bool
    pair: Pair


async def gather(connection: Connection, cause: Cause, gathered: Gathered, now: datetime) -> list[Gathered]:
    """Keeps one event of a ranking, once, and gives all that have come of it.

    Events of one ranking come on several partitions; that the head of the feed is locked before makes each see those before it.
    """
    key = (cause.listing_id, cause.version, cause.partition)
    pair = gathered.pair
    await connection.execute(
        "insert into gathering values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict on constraint gathering_once do nothing",
        *(*key, gathered.match_id, gathered.counterpart_id, gathered.is_told),
        *(pair.material, pair.quantity_kg, pair.distance_km, pair.score, now),
    )
    rows = await connection.fetch("select * from gathering where listing_id = $1 and version = $2 and partition = $3", *key)
    return [
        Gathered(
            row["match_id"],
            row["counterpart_id"],
            row["is_told"],
            Pair(row["material"], row["quantity_kg"], row["distance_km"], row["score"]),
        )
        for row in rows
    ]


async def forget_gathered(connection: Connection, before: datetime) -> None:
    """What was gathered before a moment has long become a notice."""
    await connection.execute("delete from gathering where created_at < $1", before)


async def store_notice(connection: Connection, notice: Notice) -> None:
    """Once: where it is already, nothing changes."""
    await connection.execute(
        "insert into notices"
        " (id, organisation_id, kind, subject_type, subject_id, version, partition, text_es, text_en, matches, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict on constraint notices_once do nothing",
        *(notice.id, notice.organisation_id, notice.kind, notice.subject_type, notice.subject_id, notice.version, notice.partition),
        *(notice.text_es, notice.text_en, notice.matches, notice.created_at),
    )


async def my_notices(
    session: AsyncSession, organisation_id: UUID, reader: UUID, *, is_unread_only: bool, before: UUID | None, limit: int
) -> list[tuple[Notice, datetime | None]]:
    """Newest first, each with when this reader read it."""
    is_read = and_(col(NoticeRead.notice_id) == col(Notice.id), col(NoticeRead.reader) == reader)
    statement = select(Notice, NoticeRead.read_at).outerjoin(NoticeRead, is_read).where(Notice.organisation_id == organisation_id)
    if is_unread_only:
        statement = statement.where(col(NoticeRead.read_at).is_(None))
    if before is not None:
        statement = statement.where(col(Notice.id) < before)
    found = await session.execute(statement.order_by(col(Notice.id).desc()).limit(limit))
    return [(notice, read_at) for notice, read_at in found]


async def my_notice(session: AsyncSession, organisation_id: UUID, notice_id: UUID) -> Notice | None:
    """A notice of this organisation."""
    statement = select(Notice).where(Notice.id == notice_id, Notice.organisation_id == organisation_id)
    return (await session.execute(statement)).scalar_one_or_none()


async def keep_read(session: AsyncSession, mark: NoticeRead) -> datetime:
    """Stores the mark, unless there is one. Gives when the notice was first read."""
    statement = insert(NoticeRead).values(mark.model_dump()).on_conflict_do_nothing()
    await session.execute(statement)
    kept = select(NoticeRead.read_at).where(NoticeRead.notice_id == mark.notice_id, NoticeRead.reader == mark.reader)
    return (await session.execute(kept)).scalar_one()
