"""The aggregate `Notice`: one thing that the people of one organisation should hear about, and who of them has read it.

Load-bearing: `notices_once`. It is the business key that makes a notice exist once, whatever is redelivered (invariant 2).
"""

from datetime import datetime
from typing import get_args
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from contracts import notifications as public
from kit.tables import Moment, one_of

SUBJECT_TYPES = ("offer", "want", "match", "deal")


class NoticeRead(SQLModel, table=True):
    """That one reader has read one notice; a key that no person stands behind reads as its organisation."""

    __tablename__ = "notice_reads"
    __table_args__ = (ForeignKeyConstraint(["notice_id"], ["notices.id"], name="notice_reads_notice", ondelete="CASCADE"),)

    notice_id: UUID = Field(primary_key=True)
    reader: UUID = Field(primary_key=True)
    read_at: datetime = Field(sa_type=Moment)


class Notice(SQLModel, table=True):
    """version: of what the subject is; partition: of `listing.matched`, where its listing was ranked (a want may be in several).

    addressed_at: when it was decided who hears of it by mail, and how."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint(
            "organisation_id", "kind", "subject_id", "version", "partition", name="notices_once", postgresql_nulls_not_distinct=True
        ),
        one_of("notices", "kind", get_args(public.NoticeKind)),
        one_of("notices", "subject_type", SUBJECT_TYPES),
        Index("notices_newest", "organisation_id", "id"),
        Index("notices_to_address", "id", postgresql_where=text("addressed_at is null")),
    )

    id: UUID = Field(primary_key=True)
    organisation_id: UUID
    kind: str
    subject_type: str
    subject_id: str
    version: int
    partition: int | None = None
    text_es: str
    text_en: str
    matches: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    created_at: datetime = Field(sa_type=Moment)
    addressed_at: datetime | None = Field(default=None, sa_type=Moment)

    def address(self, now: datetime) -> None:
        """Who hears of it by mail has been decided; that is done once."""
        self.addressed_at = self.addressed_at or now

    def read(self, reader: UUID, now: datetime) -> NoticeRead:
        """The mark that this reader has read it. Storing it again changes nothing: the first time counts."""
        return NoticeRead(notice_id=self.id, reader=reader, read_at=now)

    @property
    def answer(self) -> public.Call | None:
        """The one call that answers it, where it asks something."""
        if self.kind != "listing.lapsing":
            return None
        return public.Call(method="POST", path=f"/v1/{self.subject_type}s/{self.subject_id}/keep")

    def shown(self, read_at: datetime | None) -> public.Notice:
        """As one reader sees it."""
        return public.Notice(
            id=self.id,
            kind=self.kind,
            subject=public.Subject(type=self.subject_type, id=self.subject_id),
            text=public.NoticeText(es=self.text_es, en=self.text_en),
            matches=tuple(self.matches),
            created_at=self.created_at,
            read_at=read_at,
            answer=self.answer,
        )
