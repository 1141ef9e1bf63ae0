"""The post with what it needs, moved by hand: notices are addressed and mails handed over when a test says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import select

from kit.database import Sessions
from kit.identity import ALL_SCOPES, Caller
from services.notifications.calls import Listings
from services.notifications.delivery import Delivery
from services.notifications.links import Links
from services.notifications.mailer import Mailer, SmtpMailer, server_of
from services.notifications.post import Post
from services.notifications.schemas import PreferencesChoice
from services.notifications.service.preferences import choose
from services.notifications.settings import NotificationsSettings
from tests.integration.notifications.doubles import LINK_SECRET, TOKEN, People, StoppedClock
from tests.integration.notifications.smtp_sink import Sink


@dataclass
class Mailroom:
    """sink: where mails arrive."""

    settings: NotificationsSettings
    sessions: Sessions
    people: People
    clock: StoppedClock
    sink: Sink

    def post(self, mailer: Mailer | None = None) -> Post:
        """As one more process has it."""
        links = Links(LINK_SECRET, self.settings.public_url)
        return Post(self.sessions, Listings(self.people, TOKEN), mailer or self.mailer(), links, self.settings, self.clock)

    def mailer(self) -> SmtpMailer:
        assert self.settings.smtp_url is not None
        return SmtpMailer(server_of(self.settings.smtp_url.get_secret_value()), self.settings.mail_seconds)

    def told(self, **settings: Any) -> Mailroom:
        """The same with other settings."""
        return replace(self, settings=self.settings.model_copy(update=settings))

    async def work(self) -> None:
        """Until nothing is to be done now."""
        post = self.post()
        while await post.address():
            pass
        while await post.hand_over():
            pass

    async def deliveries(self) -> list[Delivery]:
        async with self.sessions() as session:
            return list((await session.execute(select(Delivery).order_by(Delivery.due_at, Delivery.id))).scalars())  # type: ignore[arg-type] # columns

    async def states(self) -> list[str]:
        return [delivery.state for delivery in await self.deliveries()]

    async def choose(self, caller: Caller, **chosen: Any) -> None:
        """As the route does it, without the language."""
        person = self.people.of(caller.organisation_id)
        choice = PreferencesChoice.model_validate({"language": person.language, "channels": {}} | chosen)
        async with self.sessions.begin() as session:
            await choose(session, person, choice)

    def caller(self, organisation_id: Any) -> Caller:
        return Caller(organisation_id, self.people.of(organisation_id).person_id, frozenset(ALL_SCOPES))
