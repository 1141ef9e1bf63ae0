"""One event of the feed, ready to be told, and who hears it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from contracts import listings, matching
from contracts.envelope import EVENT_TYPES
from kit.pagination import cursor, read_cursor
from kit.problems import refused

KNOWN = (listings, matching)  # their event classes fill EVENT_TYPES
CURSOR = "feed"
FIELD = "Last-Event-ID"


@dataclass(frozen=True, slots=True)
class Entry:
    """audience: organisations (None: everybody). families, department: what the filters compare (None: passes them).

    lines: the event as it goes out, made once for all who hear it."""

    position: int
    type: str
    audience: frozenset[str] | None
    families: frozenset[str] | None
    department: str | None
    lines: bytes

    @classmethod
    def of(cls, found: dict[str, Any]) -> Self:
        """From an entry of notifications' `/internal/feed`. Raises KeyError for what is none."""
        audience, families = (None if found[name] is None else frozenset(found[name]) for name in ("audience", "families"))
        return cls(
            found["position"], found["event"]["type"], audience, families, found["department"], _lines(found["position"], found["event"])
        )


def _lines(position: int, event: dict[str, Any]) -> bytes:
    """id, event and data (WHATWG HTML, section 9.2); JSON has no line breaks of its own, so one line holds it."""
    place = cursor(CURSOR, position)
    told = json.dumps(event | {"aynicursor": place}, ensure_ascii=False, separators=(",", ":"))
    return f"id: {place}\nevent: {event['type']}\ndata: {told}\n\n".encode()


@dataclass(frozen=True, slots=True)
class Filter:
    """What one reader may see and asked for (api.md, "Who sees an event", Feed). None: everything."""

    reader: UUID
    types: frozenset[str] | None = None
    family: str | None = None
    department: str | None = None

    def passes(self, entry: Entry) -> bool:
        """Matches and deals have neither family nor department, and pass the filters by them."""
        if entry.audience is not None and str(self.reader) not in entry.audience:
            return False
        if self.types is not None and entry.type not in self.types:
            return False
        if self.family is not None and entry.families is not None and self.family not in entry.families:
            return False
        return self.department is None or entry.department is None or self.department == entry.department


def types_of(text: str | None) -> frozenset[str] | None:
    """The types asked for. Raises 422 for one that there is not."""
    asked = frozenset(name for part in (text or "").split(",") if (name := part.strip()))
    if unknown := sorted(asked - EVENT_TYPES.keys()):
        raise refused("types", f"{unknown[0][:100]!r} is no event type: they are {', '.join(sorted(EVENT_TYPES))}")
    return asked or None


def position_of(last_event_id: str) -> int:
    """The position of a cursor of the feed. Raises 422."""
    match read_cursor(CURSOR, last_event_id, FIELD):
        case [int(position)] if 0 <= position < 2**63:
            return position
    raise refused(FIELD, "is no cursor of the feed: send the `id` of an event, as it was given")
