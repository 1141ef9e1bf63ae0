"""When people hear by mail: at once, a few times a day, and of the rest in one digest at their hour. Pure; all by the country's calendar.

Load-bearing: a digest has a *day*, and a person has one digest a day. A clock that is set back comes to the same hour again, not to
another day; what is still to be told then goes into the next day's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from contracts.countries import DEFAULT, Country, UnknownCountryError, country
from contracts.notifications import NoticeKind

AT_ONCE: frozenset[str] = frozenset({"deal.offered", "deal.agreed", "deal.declined", "deal.voided", "deal.released"})
ONE_DAY = timedelta(days=1)


def is_urgent(kind: str) -> bool:
    """Deals are told at once, however many mails there were, and are not counted against the others."""
    return kind in AT_ONCE


def may_wait(kinds: Iterable[NoticeKind]) -> tuple[NoticeKind, ...]:
    """Those of which a digest may tell."""
    return tuple(kind for kind in kinds if not is_urgent(kind))


def land_of(code: str) -> Country:
    """The country by whose calendar somebody lives; for one that this release does not know, the usual one."""
    try:
        return country(code)
    except UnknownCountryError:
        return country(DEFAULT)


def first_digest_day(now: datetime, hour: int, land: Country) -> date:
    """The day of the next digest that comes at this hour."""
    today = land.today(now)
    return today if now < digest_moment(today, hour, land) else today + ONE_DAY


def digest_moment(day: date, hour: int, land: Country) -> datetime:
    """When the digest of a day is due."""
    return datetime.combine(day, time(hour), land.timezone)


def pause_before(attempt: int, first_seconds: float, longest_seconds: float) -> timedelta:
    """How long to wait after an attempt that failed (from 1): three times as long after each, up to the longest."""
    return timedelta(seconds=min(longest_seconds, first_seconds * 3.0 ** min(attempt - 1, 30)))
