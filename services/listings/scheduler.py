"""What time does to listings (matching.md, section 4): they lose their freshness, they lapse, papers end, and holders who have been silent
for long are asked whether a listing still stands.

One loop a process; several may run, and one works at a time. Load-bearing: what is due is found by an index and done in the order in which
it fell due (also after a day of downtime), under the rows' locks, by verbs that are harmless when repeated. What falls due in a row and
is of one kind (a spreadsheet's offers end at one midnight) is done in one transaction; where something hinders that, each by itself. What
fails by itself is set aside and tried again later, so that nothing stops the clocks of everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from contracts import listings as public
from contracts.countries import Country
from contracts.envelope import Event
from kit import telemetry
from kit.clock import Clock
from kit.crashing import crash_point
from kit.database import Sessions, driver_error
from kit.idempotency import prune_answers
from kit.ids import new_id
from kit.transient import backoff_seconds, is_transient
from services.listings.organisation import Licence
from services.listings.repository import deals, listings, organisations
from services.listings.repository import due as repository
from services.listings.repository.due import Due
from services.listings.rules import Rules
from services.listings.service.market import void_acceptances
from services.listings.service.sides import OFFERS, WANTS, Side
from services.listings.service.sites import tell_wants_again
from services.listings.service.telling import ask_holder, share_organisations, tell_listings
from services.listings.settings import ListingsSettings

log = structlog.get_logger()
TICK_SECONDS = 0.5  # within the 2 s that matching.md allows
AT_ONCE = 100
ALONE = frozenset({"licence"})  # its end locks its holder, and tells all that he wants
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 1.0  # for a row that somebody is working on; longer each time, so that a rush is outwaited
LONGEST_PAUSE_SECONDS = 300.0
PRUNE_SECONDS = 3600.0

DONE = Counter("ayni_listings_clock_done_total", "What time did to listings", ["kind"])
FAILED = Counter("ayni_listings_clock_failures_total", "Times that something due failed and was set aside", ["kind"])
LATE = Gauge("ayni_listings_clock_late_seconds", "How long after it fell due the last thing was done")

Doing = Callable[[AsyncSession, Sequence[UUID], datetime], Awaitable[set[UUID]]]


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
            "offer": lambda session, ids, now: self._lapse(session, OFFERS, ids, now),
            "want": lambda session, ids, now: self._lapse(session, WANTS, ids, now),
            "licence": self._end_licence,
            "ask about offer": lambda session, ids, now: self._ask(session, OFFERS, ids, now),
            "ask about want": lambda session, ids, now: self._ask(session, WANTS, ids, now),
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
                for _, row in groupby(due, key=lambda one: one.kind):
                    done += await self._do_all(list(row))
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

    async def _do_all(self, row: Sequence[Due]) -> int:
        """How many were done; together, or where something hinders one of them, each by itself."""
        if len(row) > 1 and row[0].kind not in ALONE:
            try:
                done = await self._done(row, FIRST_WAIT_SECONDS)
            except AnotherIsAtWork:
                raise
            except Exception as error:
                log.info("what is due together is done one by one", kind=row[0].kind, count=len(row), cause=repr(error))
            else:
                for one in row:
                    if one.id not in done:
                        self._pause(one, 0, TICK_SECONDS)
                return len(done)
        return sum([await self._do(one) for one in row])

    async def _do(self, one: Due) -> bool:
        """Whether something was done: not what fails, and not what was done by somebody else or, the clock being set back, is not due."""
        before = self._aside.pop(one.key, None)
        attempts = before.attempts if before else 0
        try:
            is_done = bool(await self._done([one], min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**attempts)))
        except AnotherIsAtWork:
            raise
        except Exception as error:
            self._set_aside(one, attempts + 1, error)
            return False
        if not is_done and before is None:
            self._pause(one, 0, TICK_SECONDS)
        return is_done

    async def _done(self, row: Sequence[Due], wait_seconds: float) -> set[UUID]:
        """Of things of one kind, in one transaction: those that were due still."""
        kind = row[0].kind
        with telemetry.correlated(str(new_id())):
            async with self.sessions.begin() as session:
                if not await repository.lead(session, wait_seconds):
                    raise AnotherIsAtWork
                now = self.clock()
                if not (done := await self._doing[kind](session, list(dict.fromkeys(one.id for one in row)), now)):
                    return done
                crash_point("listings.clock.before_commit")
        DONE.labels(kind).inc(len(done))
        LATE.set((now - row[0].at).total_seconds())
        return done

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

    async def _waste(self, session: AsyncSession, ids: Sequence[UUID], now: datetime) -> set[UUID]:
        """DL 1278 art. 9: a by-product that has lost its use is waste."""
        locked = await self._locked(session, OFFERS, ids)
        wasted = [offer for offer, land in locked if offer.become_waste(self.rules.material(offer.material), land, now)]
        return await self._tell(session, OFFERS, public.OfferLapsedToWaste, wasted, now)

    async def _lapse(self, session: AsyncSession, side: Side[Any, Any], ids: Sequence[UUID], now: datetime) -> set[UUID]:
        lapsed = [listing for listing, _ in await self._locked(session, side, ids) if listing.lapse(now)]
        return await self._tell(session, side, side.events["lapsed"], lapsed, now)

    async def _tell(
        self, session: AsyncSession, side: Side[Any, Any], event: type[Event], changed: Sequence[Any], now: datetime
    ) -> set[UUID]:
        """deal.* before offer.* and want.* (design.md, Answers)."""
        ids = [listing.id for listing in changed]
        accepted = await deals.with_open_acceptances(session, side.kind, ids)
        for listing in changed:
            if listing.id in accepted:
                await void_acceptances(session, self.rules, listing, None, now)
        await tell_listings(session, self.rules, event, changed, now)
        return set(ids)

    async def _ask(self, session: AsyncSession, side: Side[Any, Any], ids: Sequence[UUID], now: datetime) -> set[UUID]:
        """Is it still there? Who does not answer has forgotten it, and others would travel for nothing."""
        locked = await self._locked(session, side, ids)
        asked = [listing for listing, _ in locked if listing.ask(now, self.settings.stale_after, self.settings.answer_within)]
        for listing in asked:
            await ask_holder(session, self.rules, listing, listing.lapses_at, now)
        return {listing.id for listing in asked}

    async def _locked(self, session: AsyncSession, side: Side[Any, Any], ids: Sequence[UUID]) -> list[tuple[Any, Country]]:
        """The listings, as ordered, each with its country; locked in the order that everybody locks: organisations, listings."""
        organisations = await share_organisations(session, *await listings.owners(session, side.kind, ids))
        stored = await listings.lock_listings(session, side.kind, ids)
        return [(one, self.rules.country(organisations[one.organisation_id].country)) for id in ids if (one := stored.get(id)) is not None]

    async def _end_licence(self, session: AsyncSession, ids: Sequence[UUID], now: datetime) -> set[UUID]:
        """The day after its last, a paper opens nothing: what its holder may receive is told again."""
        (id,) = ids
        licence = await session.get(Licence, id)
        if licence is None:
            return set()  # taken back meanwhile
        organisation = await organisations.lock_organisation(session, licence.organisation_id)
        await session.refresh(licence, with_for_update=True)
        if not licence.end(now):
            return set()
        await session.flush()
        await tell_wants_again(session, self.rules, organisation, now)
        return {id}
