"""What has fallen due, and who may do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Each branch is limited, so that a day's backlog is read by the indexes and never sorted whole. At one moment, what becomes waste becomes
# it before it lapses. Nobody is asked about what has ended.
_DUE = text("""
    (select 1 as rank, 'waste' as kind, id, fresh_until as at from offers
        where state = 'published' and fresh_until <= :now
            and 'waste ' || id <> all(:aside) order by at, id limit :most)
    union all
    (select 2, 'offer', id, available_until as at from offers
        where state = 'published' and available_until <= :now
            and 'offer ' || id <> all(:aside) order by at, id limit :most)
    union all
    (select 2, 'want', id, needed_until as at from wants
        where state = 'published' and needed_until <= :now
            and 'want ' || id <> all(:aside) order by at, id limit :most)
    union all
    (select 2, 'offer', id, lapses_at as at from offers
        where lapses_at <= :now
            and 'offer ' || id <> all(:aside) order by at, id limit :most)
    union all
    (select 2, 'want', id, lapses_at as at from wants
        where lapses_at <= :now
            and 'want ' || id <> all(:aside) order by at, id limit :most)
    union all
    (select 3, 'licence', id, ends_at as at from licences
        where not has_ended and ends_at <= :now
            and 'licence ' || id <> all(:aside) order by at, id limit :most)
    union all
    (select 4, 'ask about offer', id, confirmed_at + :stale_after as at from offers
        where state = 'published' and lapses_at is null and confirmed_at <= :untouched_since
            and (available_until is null or available_until > :now)
            and 'ask about offer ' || id <> all(:aside) order by confirmed_at, id limit :most)
    union all
    (select 4, 'ask about want', id, confirmed_at + :stale_after as at from wants
        where state = 'published' and lapses_at is null and confirmed_at <= :untouched_since
            and (needed_until is null or needed_until > :now)
            and 'ask about want ' || id <> all(:aside) order by confirmed_at, id limit :most)
    order by at, rank, id limit :most
""")

_LEAD = text("""
    select pg_try_advisory_xact_lock(hashtextextended('listings.scheduler', 0)) as is_leading, set_config('lock_timeout', :wait, true)
""")


@dataclass(frozen=True, slots=True)
class Due:
    """Something whose moment has come."""

    kind: str
    id: UUID
    at: datetime

    @property
    def key(self) -> str:
        """One listing may be due in several ways."""
        return f"{self.kind} {self.id}"


async def due(session: AsyncSession, now: datetime, stale_after: timedelta, aside: Sequence[str], most: int) -> list[Due]:
    """What is due by now, the longest due first, without what is set aside (by its key)."""
    moments = {"now": now, "stale_after": stale_after, "untouched_since": now - stale_after}
    rows = await session.execute(_DUE, moments | {"aside": list(aside), "most": most})
    return [Due(row.kind, row.id, row.at) for row in rows]


async def lead(session: AsyncSession, wait_seconds: float) -> bool:
    """Makes this transaction the only one that does what is due; False while another is. It waits for a lock no longer than this."""
    found = await session.execute(_LEAD, {"wait": f"{wait_seconds * 1000:.0f}ms"})
    return bool(found.one().is_leading)
