"""Times of a market that is always young: `+6h`, `-2d`, `+30d` are counted from the moment of loading; anything else stays as written."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

RELATIVE = re.compile(r"([+-]\d{1,5})([hd])", re.ASCII)


def moment(written: str, now: datetime) -> str:
    """RFC 3339 for a relative time, to the minute; an absolute one, or an empty cell, as it is."""
    found = RELATIVE.fullmatch(written)
    if found is None:
        return written
    return (now.replace(second=0, microsecond=0) + _span(found)).isoformat()


def day(written: str, today: date) -> str | None:
    """A date for one counted in days; None for an empty cell. Raises ValueError for anything that is no day."""
    if not written:
        return None
    found = RELATIVE.fullmatch(written)
    if found is not None and found[2] == "d":
        return (today + _span(found)).isoformat()
    return date.fromisoformat(written).isoformat()


def _span(found: re.Match[str]) -> timedelta:
    return timedelta(hours=int(found[1])) if found[2] == "h" else timedelta(days=int(found[1]))
