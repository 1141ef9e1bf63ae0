"""Organisations, their people, sites and licences."""

from datetime import date, datetime
from typing import get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from contracts import listings as public
from contracts.values import Language
from kit.tables import Moment, one_of


class Organisation(SQLModel, table=True):
    """Identified by country and tax id, which join once."""

    __tablename__ = "organisations"
    __table_args__ = (
        UniqueConstraint("country", "tax_id", name="organisations_join_once"),
        one_of("organisations", "kind", get_args(public.OrganisationKind)),
    )

    id: UUID = Field(primary_key=True)
    country: str
    tax_id: str
    name: str
    kind: str
    is_verified: bool = False
    activity: str | None = None
    created_at: datetime = Field(sa_type=Moment)

    def verify(self, is_verified: bool) -> bool:
        """Whether an operator knows it to be who it says it is; False where nothing changed."""
        if self.is_verified == is_verified:
            return False
        self.is_verified = is_verified
        return True


class Person(SQLModel, table=True):
    """Somebody who signs in for an organisation. The password is kept as its argon2id hash."""

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("email", name="people_email_once"), one_of("people", "language", ("es", "en")))

    id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(sa_column_args=(ForeignKey("organisations.id", name="people_organisation"),), index=True)
    email: str
    display_name: str
    language: str
    password_hash: str = Field(repr=False)
    created_at: datetime = Field(sa_type=Moment)

    def speak(self, language: Language) -> None:
        """The language in which everything is said to this person from now on."""
        self.language = language


class Site(SQLModel, table=True):
    """An exact address, and the public place that follows from it."""

    __tablename__ = "sites"
    __table_args__ = (CheckConstraint("latitude between -90 and 90 and longitude between -180 and 180", name="sites_on_earth"),)

    id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(sa_column_args=(ForeignKey("organisations.id", name="sites_organisation"),), index=True)
    name: str
    latitude: float
    longitude: float
    place_code: str | None = None
    created_at: datetime = Field(sa_type=Moment)

    def shown(self) -> public.Site:
        return public.Site(id=self.id, name=self.name, latitude=self.latitude, longitude=self.longitude, place_code=self.place_code)


class Licence(SQLModel, table=True):
    """A paper that opens a gate of the law. ends_at: the midnight after its last day, in its country."""

    __tablename__ = "licences"
    __table_args__ = (
        Index("licences_to_end", "ends_at", postgresql_where=text("not has_ended")),
        one_of("licences", "kind", get_args(public.LicenceKind)),
        one_of("licences", "evidence", ("declared", "document", "checked")),
    )

    id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(sa_column_args=(ForeignKey("organisations.id", name="licences_organisation"),), index=True)
    kind: str
    number: str
    valid_until: date | None = None
    evidence: str = "declared"
    ends_at: datetime | None = Field(default=None, sa_type=Moment)
    has_ended: bool = False
    created_at: datetime = Field(sa_type=Moment)

    def rest_on(self, evidence: str) -> bool:
        """What an operator has seen of it; False where that was known."""
        if self.evidence == evidence:
            return False
        self.evidence = evidence
        return True

    def end(self, now: datetime) -> bool:
        """Its last day is over; harmless when that was said before (False)."""
        if self.has_ended or self.ends_at is None or self.ends_at > now:
            return False
        self.has_ended = True
        return True

    def shown(self) -> public.Licence:
        return public.Licence.model_validate(self, from_attributes=True)


def shown_organisation(organisation: Organisation, sites: list[Site], licences: list[Licence]) -> public.Organisation:
    """An organisation as its own people see it."""
    return public.Organisation(
        id=organisation.id,
        country=organisation.country,
        tax_id=organisation.tax_id,
        name=organisation.name,
        kind=organisation.kind,
        verified=organisation.is_verified,
        activity=organisation.activity,
        sites=tuple(site.shown() for site in sites),
        licences=tuple(licence.shown() for licence in licences),
    )
