"""The feed: what became public, in the order in which it was stored, and who may see which part of it.

Pure: what an event's entry is. Load-bearing: `audience`. Null is everybody, and only offers and wants have it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.catalogue import Catalogue
from contracts.envelope import CloudEvent, Event
from contracts.listings import DealEvent, OfferEvent, WantEvent
from contracts.matching import MatchEvent
from kit.pagination import cursor, read_cursor
from kit.problems import FieldError, Problem, refused

CURSOR = "feed"
BEYOND_POSTGRESQL = 2**63
NO_DEPARTMENT = ""  # a listing outside the country's departments: no filter names it, and it is not null, which would pass them all


class CursorExpired(Problem):
    """RFC 9110, section 15.5.11. `errors` names the oldest cursor kept, for programs."""

    status, slug, title = 410, "cursor-expired", "The feed no longer goes back so far"

    def __init__(self, oldest: int) -> None:
        kept = cursor(CURSOR, oldest)
        super().__init__(
            f"what comes after this cursor is not kept: go on with after={kept}, the oldest one kept", [FieldError("oldest", kept)]
        )


@dataclass(frozen=True, slots=True)
class Visibility:
    """audience: organisations (None: everybody). families, department: what the filters compare (None: passes them)."""

    audience: tuple[UUID, ...] | None
    families: tuple[str, ...] | None = None
    department: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An event on its way into the feed; event: CloudEvents 1.0 JSON, without its cursor."""

    event_id: UUID
    subject: str
    version: int
    type: str
    time: datetime
    visibility: Visibility
    event: str


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An event in the feed, with its position."""

    position: int
    visibility: Visibility
    event: str

    def told(self) -> str:
        """The event with its cursor, as JSON: it goes in before the closing brace, so that nothing is parsed on the way out."""
        return f'{self.event[:-1]},"aynicursor":"{cursor(CURSOR, self.position)}"}}'


def entry_of(event: Event, catalogue: Catalogue) -> Entry:
    """The entry of an event. Raises ValueError for one that the feed does not tell."""
    return Entry(event.id, event.subject, event.version, event.TYPE, event.time, visibility_of(event, catalogue), _as_json(event))


def visibility_of(event: Event, catalogue: Catalogue) -> Visibility:
    """Who sees an event (api.md, "Who sees an event")."""
    if isinstance(event, OfferEvent):
        return Visibility(None, families_of([event.data.material], catalogue), event.data.place.department or NO_DEPARTMENT)
    if isinstance(event, WantEvent):
        accepted = [entry.material for entry in event.data.accepts]
        return Visibility(None, families_of(accepted, catalogue), event.data.place.department or NO_DEPARTMENT)
    if isinstance(event, MatchEvent):
        return Visibility(event.data.told)
    if isinstance(event, DealEvent):
        return Visibility(event.data.parties)
    raise ValueError(f"the feed does not tell {event.TYPE}")


def families_of(codes: Iterable[str], catalogue: Catalogue) -> tuple[str, ...]:
    """Each family once. A code of a newer catalogue has none here: the event is told all the same, to those who do not filter."""
    known = (catalogue.materials[code].family for code in codes if code in catalogue.materials)
    return tuple(dict.fromkeys(known))


def _as_json(event: Event) -> str:
    told = CloudEvent(
        id=event.id,
        source=event.SOURCE,
        type=event.TYPE,
        subject=event.subject,
        time=event.time,
        data=event.data.model_dump(mode="json"),
        ayniversion=event.version,
        aynicursor="",
    )
    return told.model_dump_json(exclude={"aynicursor"})


def position_of(text: str) -> int:
    """The position behind a cursor. Raises 422 for one that is not ours."""
    match read_cursor(CURSOR, text):
        case [int(position)] if 0 <= position < BEYOND_POSTGRESQL:
            return position
    raise refused("after", "is no cursor of this list: use `next` of a page before, as it was given")
