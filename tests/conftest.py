"""What every suite shares: a PostgreSQL server and a Kafka broker for the session, an empty database for a test."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import structlog
from hypothesis import HealthCheck, settings

from infra.embedded.postgres import Postgres
from infra.kafka import KafkaCluster

# The same examples on every machine, however slow: what a run finds must not depend on when and where it ran.
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

structlog.configure(
    processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)],  # rich ones take seconds
    logger_factory=structlog.PrintLoggerFactory(sys.__stderr__),  # never a test's own, which is closed when the last of it is logged
)


@pytest.fixture(scope="session", autouse=True)
def _house_rules() -> Iterator[None]:
    """A command that a test runs in this process leaves the log alone: what it would write to is closed with the test. And on a machine
    that does other things a connection may take longer than a user would wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infra.commands.command.configure_logging", lambda _: None)
        patch.setattr("kit.database.CONNECT_SECONDS", 60.0)
        yield


@contextmanager
def _open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ayni-tests-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a server's child may outlive it by a moment


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder that an unprivileged server may enter (pytest's own are closed); removed with what lies in it."""
    with _open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
async def postgres_server() -> AsyncIterator[str]:
    """The DSN of a superuser: of `DATABASE_URL`, or of a server of our own that ends with the session."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    with _open_folder() as folder:
        server = Postgres(folder)
        try:
            yield await server.start()
        finally:
            await server.stop()


@asynccontextmanager
async def one_broker() -> AsyncIterator[KafkaCluster]:
    """A cluster of one, over a folder of its own."""
    with _open_folder() as folder:
        cluster = KafkaCluster(folder / "kafka")
        try:
            await cluster.start()
            yield cluster
        finally:
            await cluster.stop()


@pytest.fixture(scope="session")
async def kafka_servers() -> AsyncIterator[str]:
    """One broker, for every test that makes topics and groups of its own."""
    async with one_broker() as cluster:
        yield cluster.servers


@pytest.fixture(scope="module")
async def broker() -> AsyncIterator[KafkaCluster]:
    """One that the tests of a module may kill, as long as they start it again."""
    async with one_broker() as cluster:
        yield cluster


@pytest.fixture
async def empty_database(postgres_server: str) -> AsyncIterator[str]:
    """The DSN of a superuser in a new database, which is dropped with whoever is still in it."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_server)
    try:
        await admin.execute(f'create database "{name}"')
        yield urlunsplit(urlsplit(postgres_server)._replace(path=f"/{name}"))
        await _drop(admin, name)
    finally:
        await admin.close()


async def _drop(admin: asyncpg.Connection, name: str) -> None:
    """The server gives those who are still in it five seconds to go, which a busy machine may need more than once."""
    for is_last in (False, False, True):
        try:
            await admin.execute(f'drop database "{name}" with (force)')
            return
        except asyncpg.ObjectInUseError:
            if is_last:
                raise
