"""The aggregate `Deal`: what the two sides of a match answered (matching.md, section 6).

open → offered (one side accepted) → agreed → released, or declined; back to open when the answers are void. Load-bearing: there is
one deal a pair, and every verb is harmless when it repeats the answer that is already there.
"""

from datetime import datetime
from decimal import Decimal
from typing import get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from contracts import listings as public
from kit.problems import Conflict
from kit.tables import Exact, Moment, one_of


class DealState(Conflict):
    slug, title = "wrong-state", "What was answered does not allow it"


class Deal(SQLModel, table=True):
    """holder_kg and seeker_kg: what each side accepted (null: nothing). offer_less_kg, want_more_kg: what an agreement moved."""

    __tablename__ = "deals"
    __table_args__ = (
        UniqueConstraint("offer_id", "want_id", name="deals_one_a_pair"),
        ForeignKeyConstraint(["offer_id"], ["offers.id"], name="deals_offer"),
        ForeignKeyConstraint(["want_id"], ["wants.id"], name="deals_want"),
        one_of("deals", "state", get_args(public.DealState)),
        CheckConstraint("holder_id <> seeker_id", name="deals_two_sides"),
        CheckConstraint("holder_kg > 0 and seeker_kg > 0 and quantity_kg > 0", name="deals_quantities_positive"),
        CheckConstraint(
            "case state when 'agreed' then quantity_kg is not null and holder_kg is not null and seeker_kg is not null"
            " when 'offered' then (holder_kg is null) <> (seeker_kg is null)"
            " when 'released' then true else holder_kg is null and seeker_kg is null end",
            name="deals_answers_fit_state",
        ),
    )

    id: UUID = Field(primary_key=True)
    offer_id: UUID
    want_id: UUID = Field(index=True)
    holder_id: UUID = Field(index=True)
    seeker_id: UUID = Field(index=True)
    material: str
    state: str = "open"
    holder_kg: Decimal | None = Field(default=None, sa_type=Exact)
    seeker_kg: Decimal | None = Field(default=None, sa_type=Exact)
    quantity_kg: Decimal | None = Field(default=None, sa_type=Exact)
    offer_less_kg: Decimal = Field(default=Decimal(0), sa_type=Exact)
    want_more_kg: Decimal = Field(default=Decimal(0), sa_type=Exact)
    answered_by: UUID | None = None
    reason: str | None = None
    version: int = 0
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)

    @property
    def accepted_by(self) -> tuple[UUID, ...]:
        if self.state not in ("offered", "agreed"):
            return ()
        sides = ((self.holder_id, self.holder_kg), (self.seeker_id, self.seeker_kg))
        return tuple(side for side, accepted in sides if accepted is not None)

    def accept(self, side: UUID, quantity_kg: Decimal, now: datetime) -> None:
        """One side's acceptance of a quantity; stating another replaces one's own."""
        if self.state in ("declined", "released"):
            raise DealState(f"this match is {self.state}: whoever answered so may withdraw that answer first (DELETE .../answer)")
        if self.state == "agreed":
            raise DealState("this match is agreed: its quantity stands, unless one side releases it")
        if side == self.holder_id:
            self.holder_kg = quantity_kg
        else:
            self.seeker_kg = quantity_kg
        amounts = [amount for amount in (self.holder_kg, self.seeker_kg) if amount is not None]
        self.state, self.quantity_kg, self.reason = "offered", min(amounts), None
        self._answer(side, now)

    @property
    def is_accepted_by_both(self) -> bool:
        return self.holder_kg is not None and self.seeker_kg is not None

    def agree(self, offer_less_kg: Decimal, want_more_kg: Decimal) -> None:
        """Both have accepted, and the quantity is taken."""
        self.state, self.offer_less_kg, self.want_more_kg = "agreed", offer_less_kg, want_more_kg

    def decline(self, side: UUID, reason: str | None, now: datetime) -> tuple[UUID, ...]:
        """One side does not want it. Gives who had accepted."""
        if self.state not in ("open", "offered"):
            raise DealState(f"this match is {self.state}, and can no longer be declined")
        had_accepted = self._forget("declined")
        self.reason = reason
        self._answer(side, now)
        return had_accepted

    def release(self, side: UUID, reason: str, now: datetime) -> None:
        """One side steps back from an agreement."""
        if self.state != "agreed":
            raise DealState(f"this match is {self.state}: only what is agreed can be released")
        self.state, self.reason = "released", reason
        self._answer(side, now)

    def withdraw_answer(self, side: UUID, now: datetime) -> tuple[UUID, ...]:
        """One side takes its answer back; both answers are gone. Gives who had accepted."""
        is_own = side in self.accepted_by if self.state == "offered" else self.answered_by == side
        if self.state not in ("offered", "declined", "released") or not is_own:
            raise DealState(f"this match is {self.state}, and holds no answer of yours that could be withdrawn")
        return self.void(side, now)

    def void(self, side: UUID | None, now: datetime) -> tuple[UUID, ...]:
        """The answers are gone. side: whose doing it is (None: time's). Gives who had accepted."""
        had_accepted = self._forget("open")
        self._answer(side, now)
        return had_accepted

    def _forget(self, state: str) -> tuple[UUID, ...]:
        had_accepted = self.accepted_by
        self.state, self.holder_kg, self.seeker_kg, self.quantity_kg, self.reason = state, None, None, None, None
        return had_accepted

    def _answer(self, side: UUID | None, now: datetime) -> None:
        self.answered_by, self.updated_at = side, now
        self.version += 1

    def shown(self) -> public.Deal:
        """As its two sides see it."""
        return public.Deal(
            id=self.id,
            offer_id=self.offer_id,
            want_id=self.want_id,
            state=self.state,
            quantity_kg=self.quantity_kg,
            accepted_by=self.accepted_by,
            reason=self.reason,
            version=self.version,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )
