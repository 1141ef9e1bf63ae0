"""The exchange in one process: begun in order, ended in the opposite order, whatever ends it.

Load-bearing: one `AsyncExitStack`. Everything that was begun is on it before the next thing begins, and a signal cancels whatever is being
awaited, so to stop in the middle of starting is the same path as to stop. It takes 5 s at most: `PATIENCE_SECONDS`, then PostgreSQL's own.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import asyncpg
import structlog

from infra.embedded.banner import banner
from infra.embedded.composition import Composition, Exchange, Outward, Secrets
from infra.embedded.door import HOST, bind, living, served
from infra.embedded.folder import MAIL, POSTGRES, RUNNING, SAMPLE_PENDING, RunningProcess, load_secrets, tell_running
from infra.embedded.lock import held
from infra.embedded.patience import Patience
from infra.embedded.postgres import Postgres
from infra.embedded.process import OwnServerError
from infra.embedded.settings import ExchangeSettings
from kit.bus import Bus

PATIENCE_SECONDS = 2.2
WATCH_SECONDS = 1.0
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = structlog.get_logger()


class DatabaseError(OwnServerError):
    """The database that we were given is of no use. The message says why."""


@dataclass(frozen=True, slots=True)
class Database:
    """dsn: of a role that may create roles. server: ours; None where we were given a DSN."""

    dsn: str
    server: Postgres | None


async def run(settings: ExchangeSettings, composition: Composition) -> None:
    """Serves until a signal ends it. Raises PortTakenError, FolderInUseError or EmbeddedPostgresError where it cannot."""
    with ended_by_signals():
        async with AsyncExitStack() as stack:
            await _serve(settings, composition, stack)


async def _serve(settings: ExchangeSettings, composition: Composition, stack: AsyncExitStack) -> None:
    listener = stack.enter_context(bind(settings.port))
    var = stack.enter_context(folder_of(settings))
    database = await stack.enter_async_context(database_of(settings, var))
    secrets = load_secrets(var, composition.roles)
    has_sample_pending = await _prepare(settings, composition, database, secrets, var)
    gateway = f"http://{HOST}:{listener.getsockname()[1]}"
    exchange = composition.build(database.dsn, secrets, outward_of(settings, gateway, var))
    serving = await stack.enter_async_context(_opened(exchange, listener))
    if has_sample_pending and composition.load_sample is not None:
        await composition.load_sample(gateway)
        (var / SAMPLE_PENDING).unlink()
        await exchange.settle()
    tell_running(var, gateway, database.dsn, _processes(exchange, listener, database.server))
    print(banner(gateway, await exchange.matched(), f"{settings.var / RUNNING}"), flush=True)  # noqa: T201 - for people
    await _while_all_is_well(serving, database.server)


def outward_of(settings: ExchangeSettings, gateway: str, var: Path) -> Outward:
    """Without a public address, links lead to this machine."""
    return Outward(settings.public_url or gateway, settings.smtp_url, settings.mail_from, var / MAIL)


async def migrate(settings: ExchangeSettings, composition: Composition) -> None:
    """The database as this release wants it, and nothing served. Raises as `run` does."""
    with ended_by_signals():
        async with AsyncExitStack() as stack:
            var = stack.enter_context(folder_of(settings))
            database = await stack.enter_async_context(database_of(settings, var))
            await composition.prepare(database.dsn, load_secrets(var, composition.roles))


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end the block, by one cancellation of the task that runs it. For the main thread."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    is_asked = False

    def ask() -> None:
        nonlocal is_asked
        if not is_asked:
            is_asked = True
            task.cancel()

    handled = [one for one in STOPPING if signal.getsignal(one) is not signal.SIG_IGN or one is not signal.SIGHUP]  # nohup stays nohup
    for one in handled:
        loop.add_signal_handler(one, ask)
    try:
        yield
    except asyncio.CancelledError:
        if not is_asked:
            raise
        task.uncancel()
    finally:
        for one in handled:
            loop.remove_signal_handler(one)


@contextmanager
def folder_of(settings: ExchangeSettings) -> Iterator[Path]:
    """The exchange's folder, for us alone; `running.json` is in it neither before nor after. Raises FolderInUseError."""
    var = settings.var.absolute()
    var.mkdir(parents=True, exist_ok=True)
    with held(var):
        (var / RUNNING).unlink(missing_ok=True)  # of one that was killed
        try:
            yield var
        finally:
            (var / RUNNING).unlink(missing_ok=True)


@asynccontextmanager
async def database_of(settings: ExchangeSettings, var: Path) -> AsyncIterator[Database]:
    """The database that we were given, or our own server over a folder in `var`. Raises EmbeddedPostgresError, DatabaseError."""
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        await _try(dsn)
        yield Database(dsn, None)
        return
    server = Postgres(var / POSTGRES)
    try:
        yield Database(await server.start(), server)
    finally:
        await server.stop()


async def _try(dsn: str) -> None:
    """Raises DatabaseError where the database that we were given does not answer, or its role may not make others."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseError(f"the database of DATABASE_URL does not answer: {error or type(error).__name__}") from error
    try:
        may_make_roles = await connection.fetchval("select rolcreaterole or rolsuper from pg_roles where rolname = current_user")
    finally:
        await connection.close()
    if not may_make_roles:
        raise DatabaseError("the role of DATABASE_URL may not create roles: name one that may")


async def _prepare(settings: ExchangeSettings, composition: Composition, database: Database, secrets: Secrets, var: Path) -> bool:
    """Whether the sample market is still to be loaded: noted before the database is made, so that it is known after a kill, too."""
    pending = var / SAMPLE_PENDING
    if settings.sample and await composition.is_new(database.dsn):
        pending.touch()
    await composition.prepare(database.dsn, secrets)
    return pending.exists()


@asynccontextmanager
async def _opened(exchange: Exchange, listener: socket) -> AsyncIterator[asyncio.Task[None]]:
    """The buses, then the parts, then the door."""
    patience = Patience(PATIENCE_SECONDS)
    async with AsyncExitStack() as stack:
        for bus in exchange.buses:
            await stack.enter_async_context(_started(bus, patience))
        for part in exchange.parts[:-1]:
            await stack.enter_async_context(living(part, patience))
        yield await stack.enter_async_context(served(exchange.parts[-1], listener, patience))


@asynccontextmanager
async def _started(bus: Bus, patience: Patience) -> AsyncIterator[None]:
    await bus.start()
    try:
        yield
    finally:
        try:
            async with asyncio.timeout_at(patience.ends_at()):
                await bus.stop()
        except TimeoutError:
            log.error("a bus took too long to stop")


def _processes(exchange: Exchange, listener: socket, server: Postgres | None) -> list[RunningProcess]:
    *inner, door = exchange.parts
    found = [RunningProcess(door.name, os.getpid(), listener.getsockname()[1])]
    found += [RunningProcess(part.name, os.getpid(), None) for part in inner]
    if server is not None and server.pid is not None:
        found.append(RunningProcess(POSTGRES, server.pid, server.port))
    return found


async def _while_all_is_well(serving: asyncio.Task[None], server: Postgres | None) -> None:
    """Until it is cancelled, or something ends by itself. Raises EmbeddedPostgresError: nothing works without the database."""
    while not serving.done():
        await asyncio.wait({serving}, timeout=WATCH_SECONDS)
        if server is not None:
            server.check()
    serving.result()
