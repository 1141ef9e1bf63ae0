"""The post: two loops that live as long as the part. One decides who hears of each notice by mail, one hands over what is due.

Load-bearing: no transaction is open while anything goes over the network, and a claim is committed before a mail is handed over. One mail
that breaks something is put off like one that the server puts off, and stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from prometheus_client import Counter

from contracts.listings import Addressee
from kit.clock import Clock
from kit.database import Sessions
from kit.problems import Unavailable
from kit.transient import backoff_seconds, is_transient
from services.notifications.calls import AT_ONCE as ORGANISATIONS_AT_ONCE
from services.notifications.calls import Listings
from services.notifications.delivery import Delivery
from services.notifications.links import Links
from services.notifications.mailer import DeferredError, Mailer, MailError, RefusedError, UnreachableError, UnsureError
from services.notifications.repository import deliveries
from services.notifications.service.deliveries import address_notices, claim_due, prepare, settle
from services.notifications.settings import NotificationsSettings

NOTICES_AT_ONCE = 500  # of few people: what is decided of somebody together costs little more than one
MAILS_AT_ONCE = 8
DRAIN_SECONDS = 1.5
LONGEST_PAUSE_SECONDS = 30.0

HANDED_OVER = Counter("ayni_mail_attempts_total", "Attempts to hand a mail over, by what became of it", ["outcome"])
OUTCOMES: dict[type[MailError], str] = {
    RefusedError: "bounced",
    DeferredError: "deferred",
    UnreachableError: "unreachable",
    UnsureError: "unsure",
}
LOST = ("bounced", "given_up")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended; error: what hindered it. An error that is returned by itself would look like one that was raised."""

    error: MailError | None

    @property
    def outcome(self) -> str:
        return "sent" if self.error is None else OUTCOMES[type(self.error)]


class Post:
    """Several may run, in this process or another: what one has claimed no other has."""

    def __init__(
        self, sessions: Sessions, listings: Listings, mailer: Mailer, links: Links, settings: NotificationsSettings, clock: Clock
    ) -> None:
        self.sessions, self.listings, self.mailer, self.links = sessions, listings, mailer, links
        self.settings, self.clock = settings, clock
        self._failures = 0

    async def run_addressing(self) -> None:
        """Until cancelled."""
        await self._for_ever(self.address)

    async def run_handing_over(self) -> None:
        """Until cancelled; what is being handed over then is finished first, for a bounded time."""
        await self._for_ever(self.hand_over)

    async def _for_ever(self, work: Callable[[], Awaitable[bool]]) -> None:
        """With a pause, but where more is to be done: many small turns would cost more than a few that are full."""
        failures = 0
        while True:
            try:
                has_more = await work()
                failures = 0
            except Exception as error:
                if not (is_transient(error) or isinstance(error, Unavailable)):
                    raise
                has_more, failures = False, failures + 1
                if failures == 1:
                    log.warning("the post waits", loop=work.__name__, cause=repr(error))
            if not has_more:
                await asyncio.sleep(max(self.settings.poll_seconds, backoff_seconds(failures) if failures else 0))

    async def address(self) -> bool:
        """Decides of the oldest notices that are open who hears of them by mail; whether there may be more."""
        async with self.sessions() as session:
            asked = (await deliveries.organisations_to_ask(session, NOTICES_AT_ONCE))[:ORGANISATIONS_AT_ONCE]
        if not asked:
            return False
        people = await self.listings.people(asked)
        async with self.sessions.begin() as session:
            notices = await deliveries.notices_to_address(session, asked, NOTICES_AT_ONCE)
            await address_notices(session, notices, people, self.settings, self.clock())
        return len(notices) == NOTICES_AT_ONCE or len(asked) == ORGANISATIONS_AT_ONCE

    async def hand_over(self) -> bool:
        """Hands over what is due, a few at once; whether there may be more. Makes a pause where the mail server cannot be reached."""
        async with self.sessions.begin() as session:
            claimed = await claim_due(session, self.clock(), self.settings.mail_lease, MAILS_AT_ONCE)
        if not claimed:
            return False
        await _finished(self._hand_over(claimed))
        if self._failures:
            await asyncio.sleep(backoff_seconds(self._failures, LONGEST_PAUSE_SECONDS))
        return len(claimed) == MAILS_AT_ONCE

    async def _hand_over(self, claimed: Sequence[Delivery]) -> None:
        people = {one.person_id: one for one in await self.listings.people({delivery.organisation_id for delivery in claimed})}
        ends = await asyncio.gather(*(self._deliver(one, people) for one in claimed), return_exceptions=True)
        self._watch_server([end for end in ends if isinstance(end, Ended)])
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _deliver(self, claimed: Delivery, people: dict[UUID, Addressee]) -> Ended | None:
        """None where there was nothing to hand over. Raises what passes by itself: the claim runs out, and another takes it up."""
        error: MailError | None = None
        try:
            async with self.sessions.begin() as session:
                mail = await prepare(session, claimed, people.get(claimed.person_id), self.links, self.settings, self.clock())
            if mail is None:
                return None
            await self.mailer.send(mail)
        except MailError as hindrance:
            error = hindrance
        except Exception as crash:
            if is_transient(crash):
                raise
            log.error("a mail cannot be handed over", delivery=str(claimed.id), exc_info=crash)
            error = UnsureError(f"it crashed: {type(crash).__name__}")
        async with self.sessions.begin() as session:
            state = await settle(session, claimed, error, self.settings, self.clock())
        end = Ended(error)
        HANDED_OVER.labels(end.outcome).inc()
        if state in LOST:
            log.warning("a mail will not arrive", state=state, delivery=str(claimed.id), person=str(claimed.person_id), cause=str(error))
        return end

    def _watch_server(self, ends: Sequence[Ended]) -> None:
        """Logged once a change of state."""
        if ends and all(isinstance(end.error, UnreachableError) for end in ends):
            self._failures += 1
            if self._failures == 1:
                log.warning("the mail server is lost", cause=str(ends[0].error))
        elif any(not isinstance(end.error, UnreachableError) for end in ends):
            if self._failures:
                log.info("the mail server is found", failures=self._failures)
            self._failures = 0


async def _finished(work: Awaitable[None]) -> None:
    """A mail that is being handed over is not cut off: cancelling waits for what becomes of it, for a bounded time."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        _, unfinished = await asyncio.wait([task], timeout=DRAIN_SECONDS)
        if unfinished:
            task.cancel()
            await asyncio.wait([task])
        raise
