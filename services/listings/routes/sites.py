"""Sites and licences of my organisation."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from contracts import listings as public
from kit.web import Now, Session, UnitOfWork
from services.listings.organisation import Organisation
from services.listings.routes.state import TheRules, Writer
from services.listings.schemas import LicenceDraft, SiteDraft
from services.listings.service import accounts, sites

router = APIRouter(tags=["my organisation"], route_class=UnitOfWork)


class SiteMade(public.Site):
    warnings: tuple[public.Warning, ...] = ()


@router.post("/v1/sites", status_code=201)
async def add_site(draft: SiteDraft, caller: Writer, session: Session, rules: TheRules, now: Now) -> SiteMade:
    """Add an address from which we offer, or to which we want delivered."""
    organisation = await session.get_one(Organisation, caller.organisation_id)
    land, site = rules.country(organisation.country), accounts.new_site(caller.organisation_id, draft, now)
    await sites.add_site(session, site, land)
    return SiteMade(**dict(site.shown()), warnings=sites.place_warnings(land, site))


@router.post("/v1/licences", status_code=201)
async def add_licence(draft: LicenceDraft, caller: Writer, session: Session, rules: TheRules, now: Now) -> public.Licence:
    """Declare a paper; what it opens is matched at once. An operator raises its evidence after a look at the document."""
    organisation = await session.get_one(Organisation, caller.organisation_id)
    licence = accounts.new_licence(caller.organisation_id, draft, rules.country(organisation.country), now)
    await sites.add_licence(session, rules, licence, now)
    return licence.shown()


@router.delete("/v1/licences/{licence_id}", status_code=204)
async def drop_licence(licence_id: UUID, caller: Writer, session: Session, rules: TheRules, now: Now) -> None:
    """Take a paper back."""
    await sites.drop_licence(session, rules, caller.organisation_id, licence_id, now)
