"""Notices in SQL, and what is gathered until one of them can be written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
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


RankingKey = tuple[UUID, int, int]


def key_of(cause: Cause) -> RankingKey:
    """A ranking is of one listing, at one version, on one partition."""
    return (cause.listing_id, cause.version, cause.partition)


async def gather(connection: Connection, told: Sequence[tuple[Cause, Gathered]], now: datetime) -> dict[RankingKey, list[Gathered]]:
    """Keeps events of rankings, each once, and gives all that have ever come of these rankings.

    Events of one ranking come on several partitions; that the head of the feed is locked before makes each see those before it.
    """
    await connection.executemany(
        "insert into gathering values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict on constraint gathering_once do nothing",
        [_gathering(cause, one, now) for cause, one in told],
    )
    keys = sorted({key_of(cause) for cause, _ in told})
    rows = await connection.fetch(
        "select * from gathering"
        " where (listing_id, version, partition) in (select * from unnest($1::uuid[], $2::integer[], $3::integer[]))",
        *(list(column) for column in zip(*keys, strict=True)),
    )
    found: dict[RankingKey, list[Gathered]] = {key: [] for key in keys}
    for row in rows:
        pair = Pair(row["material"], row["quantity_kg"], row["distance_km"], row["score"])
        gathered = Gathered(row["match_id"], row["counterpart_id"], row["is_told"], pair)
        found[row["listing_id"], row["version"], row["partition"]].append(gathered)
    return found


def _gathering(cause: Cause, one: Gathered, now: datetime) -> tuple[Any, ...]:
    pair = (one.pair.material, one.pair.quantity_kg, one.pair.distance_km, one.pair.score)
    return (*key_of(cause), one.match_id, one.counterpart_id, one.is_told, *pair, now)


async def forget_gathered(connection: Connection, before: datetime) -> None:
    """What was gathered before a moment has long become a notice."""
    await connection.execute("delete from gathering where created_at < $1", before)


async def store_notices(connection: Connection, notices: Sequence[Notice]) -> None:
    """Each once: where one is already, nothing changes."""
    await connection.executemany(
        "insert into notices"
        " (id, organisation_id, kind, subject_type, subject_id, version, partition, text_es, text_en, matches, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict on constraint notices_once do nothing",
        [_row(notice) for notice in notices],
    )


def _row(notice: Notice) -> tuple[Any, ...]:
    key = (notice.organisation_id, notice.kind, notice.subject_type, notice.subject_id, notice.version, notice.partition)
    return (notice.id, *key, notice.text_es, notice.text_en, notice.matches, notice.created_at)


async def my_notices(
    session: AsyncSession,
    organisation_id: UUID,
    reader: UUID,
    *,
    is_unread_only: bool,
    without: Collection[str],
    before: UUID | None,
    limit: int,
) -> list[tuple[Notice, datetime | None]]:
    """Newest first, each with when this reader read it; without some kinds."""
    is_read = and_(col(NoticeRead.notice_id) == col(Notice.id), col(NoticeRead.reader) == reader)
    statement = select(Notice, NoticeRead.read_at).outerjoin(NoticeRead, is_read).where(Notice.organisation_id == organisation_id)
    if without:
        statement = statement.where(col(Notice.kind).not_in(without))
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
