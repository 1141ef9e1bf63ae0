"""What crosses HTTP here, and nowhere else."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

from contracts.envelope import EVENT_TYPES, CloudEvent
from contracts.notifications import Channels, Hour
from contracts.values import Language, Value, Word
from kit.problems import refused

Types = Annotated[str | None, Query(max_length=2000, description="Full event types, separated by commas")]
Family = Annotated[Word | None, Query(description="A material family: of offers and wants, only those in it")]
Department = Annotated[Word | None, Query(description="A department: of offers and wants, only those in it")]


class FeedPage(BaseModel):
    """Oldest first; `next` is always given, and is where to go on."""

    items: list[CloudEvent]
    next: str


class FeedHead(BaseModel):
    """Where the feed ends."""

    cursor: str
    position: int


class PreferencesChoice(Value):
    """What a person chooses: the whole of it, for a kind that is not named is as it is by default (over every channel).

    digest_hour may be left out, and stays as it is."""

    language: Language
    channels: Channels
    digest_hour: Hour | None = None


class InternalEntry(BaseModel):
    """An event for all audiences, and what decides who sees it (null: everybody, every filter)."""

    position: int
    audience: list[UUID] | None
    families: list[str] | None
    department: str | None


def types_of(text: str | None) -> tuple[str, ...]:
    """The types asked for. Raises 422 for one that there is not."""
    asked = tuple(name for part in (text or "").split(",") if (name := part.strip()))
    unknown = [name for name in asked if name not in EVENT_TYPES]
    if unknown:
        raise refused("types", f"{unknown[0][:100]!r} is no event type: they are {', '.join(sorted(EVENT_TYPES))}")
    return asked
