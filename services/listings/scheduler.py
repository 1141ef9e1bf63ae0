"""What time does to listings (matching.md, section 4): they lose their freshness, they lapse, papers end, and holders who have been silent
for long are asked whether a listing still stands.

One loop a process; several may run, and one works at a time. Load-bearing: what is due is found by an index and done in the order in which
it fell due (also after a day of downtime), each in its own transaction, under the row's lock, by a verb that is harmless when repeated.
What fails is set aside and tried again later, so that nothing stops the clocks of everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from contracts import listings as public
from kit import telemetry
from kit.clock import Clock
from kit.crashing import crash_point
from kit.database import Sessions, driver_error
from kit.idempotency import prune_answers
from kit.ids import new_id
from kit.transient import backoff_seconds, is_transient
from services.listings.organisation import Licence
from services.listings.repository import due as repository
from services.listings.repository import listings, organisations
from services.listings.repository.due import Due
from services.listings.rules import Rules
from services.listings.service.market import void_acceptances
from services.listings.service.sides import OFFERS, WANTS, Side
from services.listings.service.sites import tell_wants_again
from services.listings.service.telling import ask_holder, share_organisations, tell_listing
from services.listings.settings import ListingsSettings

log = structlog.get_logger()
TICK_SECONDS = 0.5  # within the 2 s that matching.md allows
AT_ONCE = 100
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 1.0  # for a row that somebody is working on; longer each time, so that a rush is outwaited
LONGEST_PAUSE_SECONDS = 300.0
PRUNE_SECONDS = 3600.0

DONE = Counter("ayni_listings_clock_done_total", "What time did to listings", ["kind"])
FAILED = Counter("ayni_listings_clock_failures_total", "Times that something due failed and was set aside", ["kind"])
LATE = Gauge("ayni_listings_clock_late_seconds", "How long after it fell due the last thing was done")

Doing = Callable[[AsyncSession, UUID, datetime], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Aside:
    """Something due that failed so often; until: by the loop's clock, when it is tried again."""

    due: Due
    attempts: int
    until: float


class AnotherIsAtWork(Exception):
    """Another process does what is due, and does all that this one would."""


class Scheduler:
    """The clocks of listings."""

    def __init__(self, sessions: Sessions, rules: Rules, settings: ListingsSettings, clock: Clock) -> None:
        self.sessions, self.rules, self.settings, self.clock = sessions, rules, settings, clock
        self._aside: dict[str, Aside] = {}
        self._doing: dict[str, Doing] = {
            "waste": self._waste,
            "offer": lambda session, id, now: self._lapse(session, OFFERS, id, now),
            "want": lambda session, id, now: self._lapse(session, WANTS, id, now),
            "licence": self._end_licence,
            "ask about offer": lambda session, id, now: self._ask(session, OFFERS, id, now),
            "ask about want": lambda session, id, now: self._ask(session, WANTS, id, now),
        }

    async def run(self) -> None:
        """For ever. While the database is away everything waits for it."""
        loop = asyncio.get_running_loop()
        next_prune = loop.time()
        while True:
            try:
                await self.catch_up()
                if loop.time() >= next_prune:
                    await self._prune()
                    next_prune = loop.time() + PRUNE_SECONDS
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("the clocks wait for the database", error=type(error).__name__)
            await asyncio.sleep(TICK_SECONDS)

    async def catch_up(self) -> int:
        """Everything that is due now, in its order; then what was set aside and has waited long enough. Gives how many things were done.
        Raises what is transient."""
        done = 0
        try:
            while due := await self._due():
                for one in due:
                    done += await self._do(one)
            for aside in self._waited():
                done += await self._do(aside.due)
        except AnotherIsAtWork:
            log.debug("another process does what is due")
        return done

    async def _due(self) -> list[Due]:
        async with self.sessions() as session:
            return await repository.due(session, self.clock(), self.settings.stale_after, list(self._aside), AT_ONCE)

    def _waited(self) -> list[Aside]:
        now = asyncio.get_running_loop().time()
        return sorted((aside for aside in self._aside.values() if aside.until <= now), key=lambda aside: aside.due.at)

    async def _do(self, one: Due) -> bool:
        """Whether something was done: not what fails, and not what was done by somebody else or, the clock being set back, is not due."""
        before = self._aside.pop(one.key, None)
        attempts = before.attempts if before else 0
        try:
            is_done = await self._done(one, min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**attempts))
        except AnotherIsAtWork:
            raise
        except Exception as error:
            self._set_aside(one, attempts + 1, error)
            return False
        if not is_done and before is None:
            self._pause(one, 0, TICK_SECONDS)
        return is_done

    async def _done(self, one: Due, wait_seconds: float) -> bool:
        with telemetry.correlated(str(new_id())):
            async with self.sessions.begin() as session:
                if not await repository.lead(session, wait_seconds):
                    raise AnotherIsAtWork
                now = self.clock()
                if not await self._doing[one.kind](session, one.id, now):
                    return False
                crash_point("listings.clock.before_commit")
        DONE.labels(one.kind).inc()
        LATE.set((now - one.at).total_seconds())
        return True

    def _set_aside(self, one: Due, attempts: int, error: Exception) -> None:
        """Raises the error where it is not this thing's own: then nothing else would succeed now either."""
        FAILED.labels(one.kind).inc()
        self._pause(one, attempts, backoff_seconds(attempts, LONGEST_PAUSE_SECONDS))
        if isinstance(driver_error(error), asyncpg.LockNotAvailableError):
            log.info("something due waits for a lock", kind=one.kind, id=str(one.id), attempts=attempts)
        elif is_transient(error):
            raise error
        else:
            report = log.error if attempts == 1 else log.warning
            report(
                "something due fails", kind=one.kind, id=str(one.id), due=str(one.at), attempts=attempts, exc_info=attempts == 1 and error
            )

    def _pause(self, one: Due, attempts: int, seconds: float) -> None:
        self._aside[one.key] = Aside(one, attempts, asyncio.get_running_loop().time() + seconds)

    async def _prune(self) -> None:
        async with self.sessions.begin() as session:
            await prune_answers(session, self.clock())

    async def _waste(self, session: AsyncSession, id: UUID, now: datetime) -> bool:
        """DL 1278 art. 9: a by-product that has lost its use is waste."""
        offer, land = await self._locked(session, OFFERS, id)
        if not offer.become_waste(self.rules.material(offer.material), land, now):
            return False
        await void_acceptances(session, self.rules, offer, None, now)
        await tell_listing(session, self.rules, public.OfferLapsedToWaste, offer, now)
        return True

    async def _lapse(self, session: AsyncSession, side: Side[Any, Any], id: UUID, now: datetime) -> bool:
        listing, _ = await self._locked(session, side, id)
        if not listing.lapse(now):
            return False
        await void_acceptances(session, self.rules, listing, None, now)
        await side.tell(session, self.rules, side.events["lapsed"], listing, now)
        return True

    async def _ask(self, session: AsyncSession, side: Side[Any, Any], id: UUID, now: datetime) -> bool:
        """Is it still there? Who does not answer has forgotten it, and others would travel for nothing."""
        listing, _ = await self._locked(session, side, id)
        if not listing.ask(now, self.settings.stale_after, self.settings.answer_within):
            return False
        await ask_holder(session, self.rules, listing, listing.lapses_at, now)
        return True

    async def _locked(self, session: AsyncSession, side: Side[Any, Any], id: UUID) -> tuple[Any, Any]:
        """The listing and its country, locked in the order that everybody locks: organisation, listing."""
        owner = (await listings.listing(session, side.kind, id)).organisation_id
        organisation = (await share_organisations(session, owner))[owner]
        return await listings.lock_listing(session, side.kind, id), self.rules.country(organisation.country)

    async def _end_licence(self, session: AsyncSession, id: UUID, now: datetime) -> bool:
        """The day after its last, a paper opens nothing: what its holder may receive is told again."""
        licence = await session.get(Licence, id)
        if licence is None:
            return False  # taken back meanwhile
        organisation = await organisations.lock_organisation(session, licence.organisation_id)
        await session.refresh(licence, with_for_update=True)
        if not licence.end(now):
            return False
        await session.flush()
        await tell_wants_again(session, self.rules, organisation, now)
        return True
