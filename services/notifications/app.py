"""The notifications part: its app, and the loops that live as long as it does.

Load-bearing: `running`. A loop that dies takes the part down, because a feed that no longer grows looks like a
market in which nothing happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from fastapi import FastAPI, Request
from sqlalchemy import text

from contracts.catalogue import Catalogue
from contracts.envelope import EVENT_TYPES, INTERNAL_TYPES, UnknownEventTypeError
from contracts.topics import DEALS, MATCHES, OFFERS, QUESTIONS, WANTS, dead_letters_of
from kit.bus import Bus
from kit.clock import Clock, system_clock
from kit.consumer import ConsumerLoop
from kit.database import Sessions, create_engine, create_pool, sessions_of
from kit.forwarding import Part
from kit.idempotency import prune_answers
from kit.migrations import MigrationSet
from kit.parking import keep_taking_up
from kit.running import running
from kit.transient import is_transient
from kit.web import create_part, health_routes
from services.notifications.calls import Listings
from services.notifications.links import KEEP, UNSUBSCRIBE, Links
from services.notifications.mailer import FolderMailer, Mailer, SmtpMailer, server_of
from services.notifications.post import Post
from services.notifications.reactions import Intake
from services.notifications.repository.deliveries import forget_days
from services.notifications.repository.feed import FeedReader, Pool, prune
from services.notifications.repository.notices import forget_gathered
from services.notifications.routes import feed, keep, notices, preferences, unsubscribe
from services.notifications.settings import NotificationsSettings
from services.notifications.watch import DATABASE_ERRORS, Watch

NAME = "notifications"
MIGRATIONS = MigrationSet(NAME, NAME, Path(__file__).with_name("migrations"))
DAYS_COUNTED = timedelta(days=30)
TOPICS = (OFFERS, WANTS, MATCHES, DEALS, QUESTIONS)

log = structlog.get_logger()


def create_app(settings: NotificationsSettings, bus: Bus, catalogue: Catalogue, listings: Part, clock: Clock = system_clock) -> FastAPI:
    """The app; its lifespan connects to the database, consumes the public topics, and delivers. listings: where people's addresses are."""

    def lifespan(app: FastAPI) -> AbstractAsyncContextManager[None]:
        return _living(app, settings, bus, catalogue, clock)

    routers = [feed.router, feed.internal, notices.router, preferences.router, unsubscribe.router, keep.router, health_routes(_is_ready)]
    internal_token = settings.internal_token.get_secret_value()
    app = create_part(NAME, lifespan, routers, internal_token, clock, form_paths=(f"{UNSUBSCRIBE}/", f"{KEEP}/"))
    app.state.settings, app.state.listings = settings, Listings(listings, internal_token)
    app.state.links = Links(settings.link_secret.get_secret_value(), settings.public_url)
    return app


@asynccontextmanager
async def _living(app: FastAPI, settings: NotificationsSettings, bus: Bus, catalogue: Catalogue, clock: Clock) -> AsyncIterator[None]:
    engine = create_engine(settings, NAME)
    sessions = sessions_of(engine)
    pool, watching = await create_pool(settings, NAME), await create_pool(settings, f"{NAME}.watch", 1)
    watch = Watch(watching, settings.poll_seconds)
    consumer = ConsumerLoop(bus, NAME, TOPICS, Intake(pool, catalogue, clock), dead_letter_topic=dead_letters_of(NAME))
    post = Post(sessions, app.state.listings, mailer_of(settings), app.state.links, settings, clock)
    app.state.sessions, app.state.feed, app.state.watch = sessions, FeedReader(pool), watch
    parked = keep_taking_up(bus, dead_letters_of(NAME), UnknownEventTypeError, EVENT_TYPES | INTERNAL_TYPES)
    forgetting = _forget_for_ever(pool, sessions, settings, clock)
    loops = [consumer.run(), watch.run(), forgetting, parked, post.run_addressing(), post.run_handing_over()]
    try:
        async with running(*loops):
            yield
    finally:
        await watching.close()
        await pool.close()
        await engine.dispose()


def mailer_of(settings: NotificationsSettings) -> Mailer:
    """A server where one is set, else a folder; which of them, is logged."""
    if settings.smtp_url is None:
        log.warning("no mail server is set: mails are written to a folder", folder=str(settings.mail_folder))
        return FolderMailer(settings.mail_folder)
    server = server_of(settings.smtp_url.get_secret_value())
    log.info("mails go out", server=f"{server.host}:{server.port}", sender=settings.mail_from)
    return SmtpMailer(server, settings.mail_seconds)


async def _forget_for_ever(pool: Pool, sessions: Sessions, settings: NotificationsSettings, clock: Clock) -> None:
    while True:
        try:
            await forget_old(pool, clock() - timedelta(days=settings.feed_days))
            async with sessions.begin() as session:
                await prune_answers(session, clock())
                await forget_days(session, (clock() - DAYS_COUNTED).date())
        except DATABASE_ERRORS as error:
            if not is_transient(error):
                raise
            log.warning("pruning waits for the database", error=type(error).__name__)
        await asyncio.sleep(settings.prune_seconds)


async def forget_old(pool: Pool, before: datetime) -> None:
    """Prunes the feed, and what was gathered, of what is older than a moment; a part at a time, so that nobody waits long."""
    has_more = True
    while has_more:
        async with pool.acquire() as connection, connection.transaction():
            has_more = await prune(connection, before)
    async with pool.acquire() as connection:
        await forget_gathered(connection, before)


async def _is_ready(request: Request) -> bool:
    """The database answers."""
    try:
        async with request.app.state.sessions() as session:
            await session.execute(text("select 1"))
    except DATABASE_ERRORS as error:
        if not is_transient(error):
            raise
        return False
    return True
