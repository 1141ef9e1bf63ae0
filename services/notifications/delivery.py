"""The aggregate `Delivery`: one message to one person over one channel, until it has arrived or is given up.

Load-bearing: it is claimed in a transaction of its own before it is handed over, and what became of it is written in another. Who dies
between the two leaves a claim that runs out; the next one hands the same message over again, with the same Message-ID.
"""

from datetime import date, datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from kit.tables import Moment, one_of
from services.notifications.preference import EMAIL

DeliveryState = Literal["waiting", "sent", "bounced", "given_up", "dropped"]
MAX_CAUSE = 500


class Delivery(SQLModel, table=True):
    """digest_day: of a digest, which is one a person and day; counted_on: of an instant mail that counts, the day whose place it takes.

    sent: a server has taken it; bounced: it refused for good; given_up: retried for days in vain; dropped: nobody wants it any more.
    may_have_arrived: an attempt ended without an answer."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("person_id", "channel", "digest_day", name="deliveries_one_digest_a_day"),
        one_of("deliveries", "channel", (EMAIL,)),
        one_of("deliveries", "state", get_args(DeliveryState)),
        CheckConstraint("(state = 'waiting') = (ended_at is null)", name="deliveries_end_once"),
        Index("deliveries_due", "next_attempt_at", "id", postgresql_where=text("state = 'waiting'")),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID
    organisation_id: UUID
    channel: str = EMAIL
    digest_day: date | None = None
    counted_on: date | None = None
    state: str = "waiting"
    attempts: int = 0
    due_at: datetime = Field(sa_type=Moment)
    next_attempt_at: datetime = Field(sa_type=Moment)
    claimed_until: datetime | None = Field(default=None, sa_type=Moment)
    may_have_arrived: bool = False
    cause: str | None = None
    ended_at: datetime | None = Field(default=None, sa_type=Moment)

    def claim(self, now: datetime, lease: timedelta) -> None:
        """From now on it is ours, until the lease has run out; a claim found on it was left by somebody who may have handed it over."""
        self.may_have_arrived = self.may_have_arrived or self.claimed_until is not None
        self.claimed_until, self.attempts = now + lease, self.attempts + 1

    def is_held(self, attempt: int, now: datetime) -> bool:
        """Whether it is still that attempt's to hand over: after its lease, another may have done it."""
        return self._is_at(attempt) and self.claimed_until is not None and now < self.claimed_until

    def arrive(self, now: datetime) -> None:
        """A server has taken it. That is so whoever has claimed it meanwhile."""
        if self.state == "waiting":
            self._end("sent", None, now)

    def bounce(self, attempt: int, cause: str, now: datetime) -> None:
        """It was refused for good."""
        if self._is_at(attempt):
            self._end("bounced", cause, now)

    def drop(self, attempt: int, cause: str, now: datetime) -> None:
        """There is nobody left who wants it, or nothing left to say."""
        if self._is_at(attempt):
            self._end("dropped", cause, now)

    def defer(self, attempt: int, cause: str, now: datetime, pause: timedelta, patience: timedelta, *, is_unsure: bool) -> None:
        """It goes on later, or is given up when that has been said for too long. is_unsure: it may have arrived all the same."""
        if not self._is_at(attempt):
            return
        self.may_have_arrived = self.may_have_arrived or is_unsure
        if now - self.due_at >= patience:
            self._end("given_up", cause, now)
            return
        self.next_attempt_at, self.claimed_until, self.cause = now + pause, None, cause[:MAX_CAUSE]

    def move(self, attempt: int, day: date) -> None:
        """It takes a place of another day than the one it had."""
        if self._is_at(attempt):
            self.counted_on = day

    def postpone(self, moment: datetime) -> None:
        """A digest that has not begun to go out is due at another moment."""
        if self.state == "waiting" and self.attempts == 0:
            self.due_at = self.next_attempt_at = moment

    def _is_at(self, attempt: int) -> bool:
        """Whether this is still the attempt that was claimed: who was slower than its lease has nothing to say any more."""
        return self.state == "waiting" and self.attempts == attempt

    def _end(self, state: DeliveryState, cause: str | None, now: datetime) -> None:
        self.state, self.cause, self.ended_at, self.claimed_until = state, cause and cause[:MAX_CAUSE], now, None


class DeliveryItem(SQLModel, table=True):
    """That one notice goes to one person over one channel, once: in which delivery."""

    __tablename__ = "delivery_items"

    person_id: UUID = Field(primary_key=True)
    notice_id: UUID = Field(primary_key=True, sa_column_args=(ForeignKey("notices.id", name="delivery_items_notice", ondelete="CASCADE"),))
    channel: str = Field(primary_key=True, default=EMAIL)
    delivery_id: UUID = Field(sa_column_args=(ForeignKey("deliveries.id", name="delivery_items_delivery"),), index=True)


class InstantDay(SQLModel, table=True):
    """How many places for instant mails of one person's day are taken."""

    __tablename__ = "instant_days"
    __table_args__ = (CheckConstraint("taken >= 0", name="instant_days_count"),)

    person_id: UUID = Field(primary_key=True)
    day: date = Field(primary_key=True)
    taken: int = 0
