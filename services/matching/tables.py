"""What matching keeps: the listings of its partitions as it last heard of them, the pairs that were told, the answers to them, and who
owns which partition. Nothing that can be derived is stored (matching.md, section 5)."""

from datetime import datetime
from typing import get_args
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from contracts import listings as public
from contracts.topics import STANDING_PARTITIONS
from kit.tables import Moment, one_of


class Standing(SQLModel, table=True):
    """A listing on one partition, as its last event said. Guarded by version: an older event changes nothing."""

    __tablename__ = "standing"
    __table_args__ = (one_of("standing", "side", ("offer", "want")),)

    partition: int = Field(primary_key=True)
    listing_id: UUID = Field(primary_key=True, index=True)
    side: str
    version: int
    fact: str = Field(sa_type=Text)


class ToldPair(SQLModel, table=True):
    """A pair that was told. *_told: the publication of which that side was told; a side is told once a publication."""

    __tablename__ = "told_pairs"
    __table_args__ = (
        one_of("told_pairs", "state", ("told", "lapsed")),
        CheckConstraint("holder_told is not null or seeker_told is not null", name="told_pairs_told_to_somebody"),
    )

    offer_id: UUID = Field(primary_key=True)
    want_id: UUID = Field(primary_key=True)
    partition: int = Field(index=True)
    version: int
    state: str
    holder_told: str | None = None
    seeker_told: str | None = None


class KeptAnswer(SQLModel, table=True):
    """What listings said of a pair's deal, kept if newer: from the reply to an answer and from the event, whichever comes first."""

    __tablename__ = "answers"
    __table_args__ = (one_of("answers", "state", get_args(public.DealState)),)

    offer_id: UUID = Field(primary_key=True)
    want_id: UUID = Field(primary_key=True)
    partition: int = Field(index=True)
    deal_id: UUID
    version: int
    state: str
    accepted_by: list[UUID] = Field(sa_type=ARRAY(Uuid))
    updated_at: datetime = Field(sa_type=Moment)


class PartitionOwner(SQLModel, table=True):
    """Who matches a partition now. Every effect holds this row, shared, at its own epoch; to take over is to raise the epoch."""

    __tablename__ = "partition_owner"
    __table_args__ = (CheckConstraint(f"partition between 0 and {STANDING_PARTITIONS - 1}", name="partition_owner_in_topic"),)

    partition: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    epoch: int = Field(sa_type=BigInteger)
    address: str
    is_ready: bool = False
