"""How a person wants to hear of things. Kept is what differs from the default: each kind over every channel, digests at the usual hour.

Load-bearing: a refusal is a row of its own, so that a link to unsubscribe, clicked twice or at the same time as a form is sent,
has one effect. The language is not here: it is the person's, and listings keeps people.
"""

from collections.abc import Collection
from typing import get_args
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from contracts import notifications as public
from kit.tables import one_of

KINDS: tuple[public.NoticeKind, ...] = get_args(public.NoticeKind)
CHANNELS: tuple[public.Channel, ...] = get_args(public.Channel)
EMAIL: public.Channel = "email"
IN_APP: public.Channel = "in_app"
Refused = Collection[tuple[str, str]]  # (kind, channel)


class Refusal(SQLModel, table=True):
    """One person does not want one kind of notice over one channel."""

    __tablename__ = "refusals"
    __table_args__ = (one_of("refusals", "kind", KINDS), one_of("refusals", "channel", CHANNELS))

    person_id: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)


class DigestHour(SQLModel, table=True):
    """When one person reads their digest: an hour of the day in their country."""

    __tablename__ = "digest_hours"
    __table_args__ = (CheckConstraint("hour between 0 and 23", name="digest_hours_of_a_day"),)

    person_id: UUID = Field(primary_key=True)
    hour: int


def channels_of(refused: Refused) -> dict[public.NoticeKind, tuple[public.Channel, ...]]:
    """Every kind with the channels that are left."""
    return {kind: tuple(channel for channel in CHANNELS if (kind, channel) not in refused) for kind in KINDS}


def refused_by(channels: public.Channels) -> set[tuple[str, str]]:
    """What is not wanted, where these are all the wishes: a kind that is not named is as it is by default."""
    return {(kind, channel) for kind, wanted in channels.items() for channel in CHANNELS if channel not in wanted}
