"""Organisations, people, sites, licences, sessions and keys, as they are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import and_, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from kit.problems import NotFound
from services.listings.account import ApiKey, RefreshSession
from services.listings.organisation import Licence, Organisation, Person, Site


async def organisation_of(session: AsyncSession, id: UUID) -> Organisation:
    """Raises NotFound."""
    if (found := await session.get(Organisation, id)) is None:
        raise NotFound("there is no such organisation")
    return found


async def lock_organisation(session: AsyncSession, id: UUID) -> Organisation:
    """The first lock of the order organisation, offer, want, deal (design.md, Answers)."""
    statement = select(Organisation).where(Organisation.id == id).with_for_update()
    return (await session.execute(statement)).scalar_one()


async def organisations_named(session: AsyncSession, name: str) -> Sequence[Organisation]:
    """Those with this id or tax id: one at most, unless two countries gave the same number."""
    try:
        is_named = col(Organisation.id) == UUID(name)
    except ValueError:
        is_named = col(Organisation.tax_id) == name
    return (await session.execute(select(Organisation).where(is_named).order_by(col(Organisation.id)))).scalars().all()


async def all_organisations(session: AsyncSession, kind: str | None, is_verified: bool | None) -> Sequence[Organisation]:
    """In the order of joining."""
    statement = select(Organisation).order_by(col(Organisation.id))
    if kind is not None:
        statement = statement.where(col(Organisation.kind) == kind)
    if is_verified is not None:
        statement = statement.where(col(Organisation.is_verified) == is_verified)
    return (await session.execute(statement)).scalars().all()


async def held_licences(
    session: AsyncSession, organisation_id: UUID | None, evidence: str | None
) -> Sequence[tuple[Licence, Organisation]]:
    """Licences with their holders, in the order of their making."""
    statement = select(Licence, Organisation).join(Organisation, col(Organisation.id) == col(Licence.organisation_id))
    if organisation_id is not None:
        statement = statement.where(col(Licence.organisation_id) == organisation_id)
    if evidence is not None:
        statement = statement.where(col(Licence.evidence) == evidence)
    rows = (await session.execute(statement.order_by(col(Licence.id)))).all()
    return [(licence, organisation) for licence, organisation in rows]


async def sites_of(session: AsyncSession, organisation_id: UUID) -> list[Site]:
    statement = select(Site).where(Site.organisation_id == organisation_id).order_by(col(Site.id))
    return list((await session.execute(statement)).scalars())


async def licences_of(session: AsyncSession, organisation_id: UUID) -> list[Licence]:
    statement = select(Licence).where(Licence.organisation_id == organisation_id).order_by(col(Licence.id))
    return list((await session.execute(statement)).scalars())


async def valid_licences(session: AsyncSession, organisation_id: UUID, on: date) -> list[Licence]:
    """matching.md, section 4: valid on a date where valid_until is missing or not before it. What was said to have ended stays ended,
    also where a clock is set back: nobody would be told a second time."""
    is_valid = or_(col(Licence.valid_until).is_(None), and_(col(Licence.valid_until) >= on, col(Licence.has_ended).is_(False)))
    statement = select(Licence).where(Licence.organisation_id == organisation_id, is_valid).order_by(col(Licence.id))
    return list((await session.execute(statement)).scalars())


async def person_by_email(session: AsyncSession, email: str) -> Person | None:
    return (await session.execute(select(Person).where(Person.email == email))).scalar_one_or_none()


async def first_people(session: AsyncSession, organisation_ids: set[UUID]) -> dict[UUID, Person]:
    """The person to call of each organisation: who joined it."""
    statement = select(Person).where(col(Person.organisation_id).in_(organisation_ids)).order_by(col(Person.id).desc())
    return {person.organisation_id: person for person in (await session.execute(statement)).scalars()}


async def people_of(session: AsyncSession, organisation_ids: Collection[UUID]) -> list[tuple[Person, str]]:
    """Everybody of these organisations, who joined first first, each with their country."""
    statement = select(Person, Organisation.country).join(Organisation, col(Organisation.id) == col(Person.organisation_id))
    found = await session.execute(statement.where(col(Person.organisation_id).in_(organisation_ids)).order_by(col(Person.id)))
    return [(person, country) for person, country in found]


async def session_by_refresh(session: AsyncSession, digest: bytes) -> RefreshSession | None:
    """By its present or its spent token, locked: two renewals at once must not both succeed."""
    either = or_(col(RefreshSession.refresh_hash) == digest, col(RefreshSession.previous_hash) == digest)
    return (await session.execute(select(RefreshSession).where(either).with_for_update())).scalar_one_or_none()


async def key_by_hash(session: AsyncSession, digest: bytes) -> ApiKey | None:
    return (await session.execute(select(ApiKey).where(ApiKey.key_hash == digest))).scalar_one_or_none()
