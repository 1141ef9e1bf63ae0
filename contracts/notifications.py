"""What notifications says to people: notices, and how each person wants to hear of them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from contracts.listings import Shape
from contracts.values import Language, Time

NoticeKind = Literal[
    "listing.matched",
    "match.proposed",
    "deal.offered",
    "deal.agreed",
    "deal.declined",
    "deal.voided",
    "deal.released",
    "listing.lapsing",
]
Channel = Literal["in_app", "email"]
Hour = Annotated[int, Field(ge=0, le=23, strict=True, examples=[7])]
Channels = Annotated[
    dict[NoticeKind, tuple[Channel, ...]],
    Field(examples=[{"match.proposed": ["in_app"], "listing.matched": ["in_app", "email"], "deal.offered": ["in_app", "email"]}]),
]


class Subject(Shape):
    type: Literal["offer", "want", "match", "deal"]
    id: str


class NoticeText(Shape):
    es: str
    en: str


class Call(Shape):
    """A call of this API, as it can be made."""

    method: Literal["POST"]
    path: str


class Notice(Shape):
    """One thing that one person should hear about."""

    id: UUID
    kind: NoticeKind
    subject: Subject
    text: NoticeText
    matches: tuple[str, ...] = ()
    created_at: Time
    read_at: Time | None
    answer: Call | None = None


class Preferences(Shape):
    """How one person hears: every kind of notice with its channels. digest_hour: when the daily digest comes, in their country."""

    language: Language
    channels: Channels
    digest_hour: Hour
