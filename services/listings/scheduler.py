"""What time does to listings: they lose their freshness, they lapse, and papers end (matching.md, section 4).

One loop a process; several may run. Load-bearing: what is due is found by an index, done in the order in which it fell due (also after a
day of downtime), each in its own transaction, under the row's lock, by a verb that is harmless when repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from contracts import listings as public
from kit.clock import Clock
from kit.crashing import crash_point
from kit.database import Sessions
from kit.transient import is_transient
from services.listings.organisation import Licence
from services.listings.repository import listings as repository
from services.listings.repository import organisations
from services.listings.rules import Rules
from services.listings.service.market import void_acceptances
from services.listings.service.sides import OFFERS, WANTS, Side
from services.listings.service.sites import tell_wants_again
from services.listings.service.telling import share_organisations, tell_listing

log = structlog.get_logger()
TICK_SECONDS = 0.5  # within the 2 s that matching.md allows
AT_ONCE = 100
DUE = text("""
    (select 'waste' as kind, id, fresh_until as due from offers where state = 'published' and fresh_until <= :now)
    union all (select 'offer', id, available_until from offers where state = 'published' and available_until <= :now)
    union all (select 'want', id, needed_until from wants where state = 'published' and needed_until <= :now)
    union all (select 'licence', id, ends_at from licences where ends_at <= :now and not has_ended)
    order by due, id limit :limit
""")


@dataclass(frozen=True, slots=True)
class Due:
    """Something whose moment has come."""

    kind: str
    id: UUID
    due: datetime


class Scheduler:
    """The clocks of listings."""

    def __init__(self, sessions: Sessions, rules: Rules, clock: Clock) -> None:
        self.sessions, self.rules, self.clock = sessions, rules, clock
        self._doing: dict[str, Callable[[AsyncSession, UUID, datetime], Awaitable[None]]] = {
            "waste": self._waste,
            "offer": lambda session, id, now: self._lapse(session, OFFERS, id, now),
            "want": lambda session, id, now: self._lapse(session, WANTS, id, now),
            "licence": self._end_licence,
        }

    async def run(self) -> None:
        """For ever. What fails for a moment is tried again at the next tick."""
        while True:
            try:
                await self.catch_up()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("the clocks wait for the database", error=type(error).__name__)
            await asyncio.sleep(TICK_SECONDS)

    async def catch_up(self) -> int:
        """Everything that is due now, in its order; how many things."""
        done = 0
        while due := await self._due():
            for one in due:
                async with self.sessions.begin() as session:
                    await self._doing[one.kind](session, one.id, self.clock())
                    crash_point("listings.clock.before_commit")
            done += len(due)
        return done

    async def _due(self) -> list[Due]:
        async with self.sessions() as session:
            rows = await session.execute(DUE, {"now": self.clock(), "limit": AT_ONCE})
            return [Due(row.kind, row.id, row.due) for row in rows]

    async def _waste(self, session: AsyncSession, id: UUID, now: datetime) -> None:
        """DL 1278 art. 9: a by-product that has lost its use is waste."""
        offer, land = await self._locked(session, OFFERS, id)
        if offer.become_waste(self.rules.material(offer.material), land, now):
            await void_acceptances(session, self.rules, offer, None, now)
            await tell_listing(session, self.rules, public.OfferLapsedToWaste, offer, now)

    async def _lapse(self, session: AsyncSession, side: Side[Any, Any], id: UUID, now: datetime) -> None:
        listing, _ = await self._locked(session, side, id)
        if listing.lapse(now):
            await void_acceptances(session, self.rules, listing, None, now)
            await side.tell(session, self.rules, side.events["lapsed"], listing, now)

    async def _locked(self, session: AsyncSession, side: Side[Any, Any], id: UUID) -> tuple[Any, Any]:
        """The listing and its country, locked in the order that everybody locks: organisation, listing."""
        owner = (await repository.listing(session, side.kind, id)).organisation_id
        organisation = (await share_organisations(session, owner))[owner]
        return await repository.lock_listing(session, side.kind, id), self.rules.country(organisation.country)

    async def _end_licence(self, session: AsyncSession, id: UUID, now: datetime) -> None:
        """The day after its last, a paper opens nothing: what its holder may receive is told again."""
        licence = await session.get_one(Licence, id)
        organisation = await organisations.lock_organisation(session, licence.organisation_id)
        await session.refresh(licence, with_for_update=True)
        if licence.end(now):
            await session.flush()
            await tell_wants_again(session, self.rules, organisation, now)
