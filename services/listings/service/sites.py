"""Sites and licences of an organisation. A licence added or dropped changes what the organisation's wants may receive, and is told."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contracts import listings as public
from contracts.countries import Country
from kit.problems import FieldError, NotFound, Unprocessable
from services.listings.organisation import Licence, Organisation, Site
from services.listings.repository import listings as listings_repository
from services.listings.repository import organisations as repository
from services.listings.rules import Rules
from services.listings.service.telling import tell_listing


def check_place_code(land: Country, code: str | None, field: str) -> list[FieldError]:
    """What is wrong with a place code, if anything."""
    if code is None or land.is_place_code(code):
        return []
    return [FieldError(field, "is no district code of this country (in Peru INEI's UBIGEO, such as 150103 for Ate), or leave it out")]


def place_warnings(land: Country, site: Site) -> tuple[public.Warning, ...]:
    """What looks wrong with a site, and does not stop it."""
    found = land.place_warnings(site.latitude, site.longitude, site.place_code)
    return tuple(public.Warning(field="latitude", message=message) for message in found)


async def add_site(session: AsyncSession, site: Site, land: Country) -> None:
    """Raises 422 for a place code that is none."""
    if errors := check_place_code(land, site.place_code, "place_code"):
        raise Unprocessable(errors[0].message, errors)
    session.add(site)
    await session.flush()


async def add_licence(session: AsyncSession, rules: Rules, licence: Licence, now: datetime) -> None:
    """Keeps the licence as declared, and tells the organisation's wants again."""
    organisation = await repository.lock_organisation(session, licence.organisation_id)
    session.add(licence)
    await session.flush()
    await tell_wants_again(session, rules, organisation, now)


async def drop_licence(session: AsyncSession, rules: Rules, organisation_id: UUID, licence_id: UUID, now: datetime) -> None:
    """Raises 404 for another's."""
    organisation = await repository.lock_organisation(session, organisation_id)
    found = await session.get(Licence, licence_id)
    if found is None or found.organisation_id != organisation_id:
        raise NotFound("you have no such licence")
    await session.delete(found)
    await session.flush()
    await tell_wants_again(session, rules, organisation, now)


async def tell_wants_again(session: AsyncSession, rules: Rules, organisation: Organisation, now: datetime) -> None:
    """Every published want of the organisation, as `want.changed`: its terms are the same, who may receive is not (matching.md, 4)."""
    for want in await listings_repository.published_wants(session, organisation.id):
        want.grow(now)
        await tell_listing(session, rules, public.WantChanged, want, now)
