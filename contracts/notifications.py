"""What notifications says to people: notices."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from contracts.listings import Shape
from contracts.values import Time

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


class Subject(Shape):
    type: Literal["offer", "want", "match", "deal"]
    id: str


class NoticeText(Shape):
    es: str
    en: str


class Notice(Shape):
    """One thing that one person should hear about."""

    id: UUID
    kind: NoticeKind
    subject: Subject
    text: NoticeText
    matches: tuple[str, ...] = ()
    created_at: Time
    read_at: Time | None
