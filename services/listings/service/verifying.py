"""What an operator has seen of an organisation and its papers. No route leads here: only who runs the exchange does this.

Load-bearing: the evidence of a licence is part of what matches show, so its change is told like the change of the licence itself.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from kit.problems import NotFound
from services.listings.organisation import Licence, Organisation
from services.listings.repository import organisations as repository
from services.listings.repository.catalogue import kept_basis
from services.listings.rules import Rules
from services.listings.service.renewal import basis_of
from services.listings.service.sites import tell_wants_again


class AnotherCatalogueError(RuntimeError):
    """The exchange runs with another catalogue than this one: what is told by this one would go to the wrong places."""


async def verify_organisation(session: AsyncSession, organisation_id: UUID, is_verified: bool) -> bool:
    """Whether that is news. Events do not carry it, so nothing is told."""
    organisation = await repository.lock_organisation(session, organisation_id)
    return organisation.verify(is_verified)


async def check_licence(
    session: AsyncSession, rules: Rules, licence_id: UUID, evidence: str, now: datetime
) -> tuple[Licence, Organisation, bool]:
    """The licence, its holder, and whether the evidence is news; what its holder wants is told again then. Raises 404,
    AnotherCatalogueError."""
    if (found := await session.get(Licence, licence_id)) is None:
        raise NotFound("there is no such licence")
    if await kept_basis(session) != basis_of(rules.catalogue):
        raise AnotherCatalogueError
    organisation = await repository.lock_organisation(session, found.organisation_id)
    await session.refresh(found, with_for_update=True)
    is_news = found.rest_on(evidence)
    if is_news:
        await session.flush()
        await tell_wants_again(session, rules, organisation, now)
    return found, organisation, is_news
