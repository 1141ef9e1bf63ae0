"""The servers under the parts, PostgreSQL and Kafka's brokers, kept running: one that has ended comes back on its port, over its data."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from infra.distributed.supervised import LONGEST_PAUSE_SECONDS, Say
from infra.embedded.folder import KAFKA, POSTGRES, RunningProcess
from infra.embedded.postgres import Postgres
from infra.embedded.process import OwnServerError
from infra.kafka import KafkaCluster
from kit.transient import backoff_seconds

DATABASE = "ayni"  # as in docker-compose.yml
WATCH_SECONDS = 0.2


class Servers:
    """brokers: 0, 1 or 3; without any the bus is the log in PostgreSQL. Call `start` on the main thread."""

    def __init__(self, var: Path, brokers: int) -> None:
        self._var = var
        self._postgres = Postgres(var / POSTGRES)
        self._kafka = KafkaCluster(var / KAFKA, brokers) if brokers else None
        self.dsn = ""

    async def start(self) -> None:
        """Raises OwnServerError."""
        admin = await self._postgres.start()
        connection = await asyncpg.connect(admin)
        try:
            if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE):
                await connection.execute(f'create database "{DATABASE}"')
        finally:
            await connection.close()
        self.dsn = urlunsplit(urlsplit(admin)._replace(path=f"/{DATABASE}"))
        if self._kafka is not None:
            await self._kafka.start()

    async def stop(self) -> None:
        """Kafka first: it has nothing in PostgreSQL, and takes longer. Idempotent."""
        if self._kafka is not None:
            await self._kafka.stop()
        await self._postgres.stop()

    @property
    def brokers(self) -> str | None:
        """`host:port`, with commas; None without Kafka."""
        return self._kafka.servers if self._kafka is not None else None

    @property
    def cluster_id(self) -> str:
        """Kafka's; empty without it."""
        return self._kafka.cluster_id if self._kafka is not None else ""

    def processes(self) -> list[RunningProcess]:
        """Those that run."""
        found = [(POSTGRES, self._postgres.pid, self._postgres.port)]
        found += [(f"kafka-{one.node.number}", one.pid, one.port) for one in (self._kafka.brokers if self._kafka else [])]
        return [RunningProcess(name, pid, port) for name, pid, port in found if pid is not None]

    async def keep(self, say: Say, changed: Callable[[], None]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as keepers:
            keepers.create_task(_kept("PostgreSQL", lambda: self._postgres.check(), self._restart_postgres, say, changed))
            for broker in self._kafka.brokers if self._kafka is not None else []:
                restart = partial(self._restart_broker, broker.node.number)
                keepers.create_task(_kept(f"Kafka's broker {broker.node.number}", broker.check, restart, say, changed))

    async def _restart_broker(self, number: int) -> None:
        assert self._kafka is not None
        await self._kafka.restart(number)

    async def _restart_postgres(self) -> None:
        """At its port, which the parts have been told."""
        port = self._postgres.port
        await self._postgres.stop()
        self._postgres = Postgres(self._var / POSTGRES, port)
        await self._postgres.start()


async def _kept(
    name: str, check: Callable[[], None], restart: Callable[[], Awaitable[None]], say: Say, changed: Callable[[], None]
) -> None:
    """check raises OwnServerError where it has ended."""
    while True:
        try:
            check()
        except OwnServerError as error:
            say(f"{str(error).splitlines()[0]}; starting it again")
            await _restarted(name, restart, say)
            changed()
        await asyncio.sleep(WATCH_SECONDS)


async def _restarted(name: str, restart: Callable[[], Awaitable[None]], say: Say) -> None:
    """Tried until it is: one that could not be started does not count as ended, and would not be looked at again. A cause is said once."""
    said = ""
    for attempt in count(1):
        await asyncio.sleep(backoff_seconds(attempt, LONGEST_PAUSE_SECONDS))
        try:
            await restart()
        except OwnServerError as error:
            cause = str(error).splitlines()[0]
            if cause != said:
                say(f"{name} cannot be started again yet: {cause}")
            said = cause
        else:
            return
