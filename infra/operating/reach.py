"""The exchange that a command is about, wherever it is: one that runs, one in a database of its own, or one that is stopped.

Load-bearing: a stopped exchange's server is started only while we hold its folder, so that no command and no exchange ever share one.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.database import MIGRATIONS
from infra.embedded.exchange import database_of, folder_of
from infra.embedded.folder import POSTGRES, RUNNING
from infra.embedded.lock import FolderInUseError, held
from infra.embedded.settings import ExchangeSettings
from infra.topics import BUS_TOPICS
from kit.bus import Bus
from kit.bus_kafka import KafkaSettings
from kit.bus_postgres import PostgresBus
from kit.migrations import check_known, current_revision

NAME = "ayni-operator"


class UnreachableError(RuntimeError):
    """There is no exchange, or none that answers; the message says where it was looked for."""


class BrokersSettings(BaseSettings):
    """Where the brokers are of an exchange that is reached by DATABASE_URL; None: its bus is in that database."""

    model_config = SettingsConfigDict(env_prefix="AYNI_KAFKA_", extra="ignore", frozen=True)

    servers: str | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """dsn: of a role that may do everything. kafka: its brokers; None where the bus is in PostgreSQL. var: its folder."""

    dsn: str
    kafka: KafkaSettings | None
    var: Path
    is_running: bool

    def bus(self) -> Bus:
        """The bus that the exchange runs on, not started."""
        if self.kafka is not None:
            return self.kafka.bus(NAME, BUS_TOPICS)
        return PostgresBus(self.dsn, name=NAME)


@asynccontextmanager
async def reached(settings: ExchangeSettings, *, may_be_older: bool = False) -> AsyncIterator[Reached]:
    """may_be_older: though its database was not brought up to this release yet.

    Raises UnreachableError, NewerSchemaError, FolderInUseError, and OwnServerError where a stopped one's server does not start."""
    var = settings.var.absolute()
    found = running_in(var)
    if found is not None:
        await _check(found, may_be_older)
        yield found
        return
    check_there(settings)
    with folder_of(settings) as folder:
        async with database_of(settings, folder) as database:
            found = Reached(database.dsn, _kafka(BrokersSettings().servers), folder, is_running=False)
            await _check(found, may_be_older)
            yield found


def check_there(settings: ExchangeSettings) -> None:
    """So that a command never makes an exchange where it was to find one. Raises UnreachableError."""
    var = settings.var.absolute()
    if settings.database_url is None and not (var / POSTGRES).is_dir():
        raise UnreachableError(f"there is no exchange in {var}: say where it is with --var or VAR, or name its database in DATABASE_URL")


def running_in(var: Path) -> Reached | None:
    """The exchange that runs in the folder. Raises UnreachableError while it starts or stops."""
    told = _told(var)
    if told is not None and ((told["mode"] == "distributed" and _lives(told)) or _is_held(var)):
        return Reached(told["database"], _kafka(told["kafka"]), var, is_running=True)
    if told is None and _is_held(var):
        raise UnreachableError(f"the exchange in {var} is starting or stopping: try again in a moment")
    return None


def _kafka(servers: str | None) -> KafkaSettings | None:
    return None if servers is None else KafkaSettings(servers=servers)


def _told(var: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((var / RUNNING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _is_held(var: Path) -> bool:
    if not var.is_dir():
        return False
    try:
        with held(var):
            return False
    except FolderInUseError:
        return True


def _lives(told: dict[str, Any]) -> bool:
    return any(Path(f"/proc/{process['pid']}").exists() for process in told["processes"])


async def _check(found: Reached, may_be_older: bool) -> None:
    """It answers, and an exchange of this release has been there. Raises NewerSchemaError, UnreachableError."""
    try:
        stands_at = {part: await current_revision(found.dsn, part) for part in MIGRATIONS}
    except (OSError, asyncpg.PostgresError) as error:
        raise UnreachableError(f"the exchange's database does not answer: {error or type(error).__name__}") from error
    if set(stands_at.values()) == {None}:
        raise UnreachableError("no exchange has ever been in this database: start one with `ayni run`")
    for part, revision in stands_at.items():
        check_known(part, revision)
    if not may_be_older and any(revision != part.revisions()[-1] for part, revision in stands_at.items()):
        raise UnreachableError("this database was left by an older release: bring it up to this one first, with `ayni migrate`")
