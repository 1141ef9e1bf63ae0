"""What an offer and a want have in common: a state that changes by verbs only, versions, and the place that others see.

Load-bearing: `version` grows with every change, `terms_version` only with a change of what somebody could have agreed to
(matching.md, section 6); an acceptance rests on the terms. Whether a listing still stands is asked and answered beside both.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from contracts.countries import Place
from kit.problems import Conflict
from kit.tables import Moment, one_of


class WrongState(Conflict):
    slug, title = "wrong-state", "Its state does not allow it"


class Ended(Conflict):
    slug, title = "ended", "Its last day has passed"


class Listing(SQLModel):
    """The common columns and verbs. FULL names the state in which deals have used it up.

    confirmed_at: when its holder last said, by whatever call, that it stands; lapses_at: when it lapses, since the holder was asked and has
    not answered; questions: how often that was asked."""

    FULL: ClassVar[str] = ""
    TERMS: ClassVar[tuple[str, ...]] = ("rhythm", "site_id")

    id: UUID = Field(primary_key=True)
    organisation_id: UUID
    site_id: UUID
    title: str
    description: str = ""
    rhythm: str
    state: str = "draft"
    external_id: str | None = None
    version: int = 1
    terms_version: int = 1
    partitions: list[int] = Field(default_factory=list, sa_type=ARRAY(Integer))
    latitude: float
    longitude: float
    department: str | None = None
    district: str | None = None
    published_at: datetime | None = Field(default=None, sa_type=Moment)
    confirmed_at: datetime = Field(sa_type=Moment)
    lapses_at: datetime | None = Field(default=None, sa_type=Moment)
    questions: int = 0
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)

    def __setattr__(self, name: str, value: Any) -> None:
        """SQLAlchemy's descriptor alone: SQLModel's way goes through Pydantic as well, which keeps nothing of a table class, and costs
        three times as much. An import of 10,000 lines sets an attribute 700,000 times."""
        object.__setattr__(self, name, value)

    @property
    def place(self) -> Place:
        return Place(department=self.department, district=self.district, latitude=self.latitude, longitude=self.longitude)

    @property
    def is_published(self) -> bool:
        return self.state == "published"

    @property
    @abstractmethod
    def ends_at(self) -> datetime | None:
        """When it lapses."""

    @property
    @abstractmethod
    def is_full(self) -> bool:
        """Whether deals have used it up."""

    def has_ended(self, now: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= now

    def stand_at(self, site_id: UUID, place: Place) -> None:
        self.site_id, self.department, self.district = site_id, place.department, place.district
        self.latitude, self.longitude = place.latitude, place.longitude

    def terms(self) -> tuple[Any, ...]:
        """What an acceptance rests on."""
        return tuple(getattr(self, name) for name in self.TERMS)

    def grow(self, now: datetime) -> None:
        """The next version."""
        self.version += 1
        self.updated_at = now

    def publish(self, now: datetime) -> bool:
        """To the market; harmless when it is there already (False). Raises 409 where the state does not allow it."""
        if self.is_published:
            return False
        if self.state == self.FULL or self.is_full:
            raise WrongState(f"it is {self.state} and nothing of it is left to deal in: enlarge its quantity, and it opens by itself")
        if self.has_ended(now):
            raise Ended(f"it is {self.state}, and its end ({self.ends_at:%Y-%m-%d %H:%M} UTC) has passed: change that first")
        self.state, self.published_at = "published", now
        self.confirm(now)
        self.grow(now)
        return True

    def confirm(self, now: datetime) -> None:
        """Its holder has dealt with it, so it stands: that is no change, and answers what was asked."""
        self.confirmed_at, self.lapses_at = now, None

    def keep(self, now: datetime) -> None:
        """The answer to "still there?", also where nobody asked. Raises 409 for what is not on the market."""
        if not self.is_published:
            raise WrongState(f"it is {self.state}: publish it, if it is there")
        self.confirm(now)

    def ask(self, now: datetime, stale_after: timedelta, answer_within: timedelta) -> bool:
        """Whether it still stands, of a holder who has not touched it for long; harmless when that was asked already (False)."""
        if not self.is_published or self.lapses_at is not None or self.confirmed_at + stale_after > now:
            return False
        self.lapses_at, self.questions = now + answer_within, self.questions + 1
        return True

    def withdraw(self, now: datetime) -> bool:
        """Off the market; harmless when it is off already (False)."""
        if self.state == "withdrawn":
            return False
        if self.state not in ("published", self.FULL):
            raise WrongState(f"it is {self.state}: only what is published can be withdrawn")
        self.state, self.lapses_at = "withdrawn", None
        self.grow(now)
        return True

    def lapse(self, now: datetime) -> bool:
        """Its end has passed, or nobody answered for it; harmless for what is not on the market (False)."""
        is_unanswered = self.lapses_at is not None and self.lapses_at <= now
        if not (self.is_published and (self.has_ended(now) or is_unanswered)):
            return False
        self.state, self.lapses_at = "lapsed", None
        self.grow(now)
        return True

    def settle(self, now: datetime) -> None:
        """After deals or a change moved its quantities: used up, open again, or lapsed if its end has passed meanwhile."""
        if self.is_published and self.is_full:
            self.state, self.lapses_at = self.FULL, None
        elif self.state == self.FULL and not self.is_full:
            self.state = "lapsed" if self.has_ended(now) else "published"
        self.grow(now)


def listing_constraints(table: str, states: tuple[str, ...]) -> tuple[Any, ...]:
    """The rules of the common columns, as PostgreSQL keeps them."""
    return (
        ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=f"{table}_organisation"),
        ForeignKeyConstraint(["site_id"], ["sites.id"], name=f"{table}_site"),
        one_of(table, "state", states),
        one_of(table, "rhythm", ("one_off", "recurring")),
        UniqueConstraint("organisation_id", "external_id", name=f"{table}_external_id_once"),
        CheckConstraint("lapses_at is null or state = 'published'", name=f"{table}_asked_while_published"),
        Index(f"{table}_to_ask", "confirmed_at", postgresql_where=text("state = 'published' and lapses_at is null")),
        Index(f"{table}_unanswered", "lapses_at", postgresql_where=text("lapses_at is not null")),
        Index(f"{table}_mine", "organisation_id", "id"),
        Index(f"{table}_on_the_market", "id", postgresql_where=text("state = 'published'")),
        CheckConstraint("version >= 1 and terms_version between 1 and version", name=f"{table}_versions_grow"),
        CheckConstraint("(state = 'draft') = (published_at is null)", name=f"{table}_published_once_out_of_draft"),
    )
