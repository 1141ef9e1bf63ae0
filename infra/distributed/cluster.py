"""The distributed system on this machine: real servers, each part a process of its own, as `docker-compose.yml` says.

Load-bearing: one `AsyncExitStack`, as in the embedded exchange: what was begun is ended, whatever ends it, in the opposite order. What
outlives a killed supervisor (for the 10 s that a drain may take) is ended by the next start, before anything else begins.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import asyncpg
from pydantic import AliasChoices, Field

from contracts.topics import STANDING_PARTITIONS
from infra.database import is_new
from infra.distributed.compose import Service, read_services
from infra.distributed.local import at_home, cast_of, hand_out
from infra.distributed.servers import Servers
from infra.distributed.supervised import Supervised
from infra.embedded.door import HOST, bind
from infra.embedded.exchange import ended_by_signals, folder_of
from infra.embedded.folder import DISTRIBUTED_SECRETS, MAIL, PARTS, RUNNING, SAMPLE_PENDING, RunningProcess, tell_running
from infra.embedded.process import OwnServerError
from infra.embedded.settings import ExchangeSettings
from infra.sample.load import load_sample

FIRST_SECONDS = 120.0
READY_SECONDS = 120.0
OWNED_SECONDS = 60.0
POLL_SECONDS = 0.1
AYNI = Path(sys.executable).with_name("ayni")
HANDED_ON = ("AYNI_", "OTEL_")


class ClusterSettings(ExchangeSettings):
    """By the command line, else by PORT, VAR, SAMPLE, N (brokers) and MATCHING (owners)."""

    sample: bool = False
    brokers: int = Field(default=1, ge=0, le=3, validation_alias=AliasChoices("brokers", "N"))
    matching: int = Field(default=2, ge=1, le=16)


async def run(settings: ClusterSettings) -> None:
    """Runs until a signal ends it. Raises PortTakenError, FolderInUseError, OwnServerError or ComposeError where it cannot."""
    with ended_by_signals():
        async with AsyncExitStack() as stack:
            var = stack.enter_context(folder_of(settings))
            cluster = Cluster(settings, var)
            await stack.enter_async_context(cluster.begun())
            await cluster.keep()


def say(what: str) -> None:
    """To people."""
    print(f"  {what}", flush=True)  # noqa: T201 - for people


class Cluster:
    """Everything that runs."""

    def __init__(self, settings: ClusterSettings, var: Path) -> None:
        self._settings, self._var = settings, var
        self._servers = Servers(var, settings.brokers)
        self._cast = cast_of(read_services(variables=os.environ), settings.matching, has_kafka=settings.brokers > 0)
        self._parts: list[Supervised] = []
        self._gateway = ""

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """Ready, and saying so."""
        async with AsyncExitStack() as stack:
            await self._end_leftovers()
            listeners = {one.name: stack.enter_context(self._listener(one.name)) for one in self._cast.serving}
            self._gateway = f"http://{HOST}:{listeners['gateway'].getsockname()[1]}"
            stack.push_async_callback(self._servers.stop)
            say("starting PostgreSQL" + (f" and {self._settings.brokers} of Kafka's brokers" if self._settings.brokers else ""))
            await self._servers.start()
            await self._prepare(listeners)
            stack.push_async_callback(self._stop_parts)
            await self._start_parts(listeners)
            await self._load_sample()
            self._tell()
            print(self._banner(), flush=True)  # noqa: T201 - for people
            yield

    async def keep(self) -> None:
        """Until cancelled: what ends by itself is started again."""
        async with asyncio.TaskGroup() as keepers:
            keepers.create_task(self._servers.keep(say, self._tell))
            for part in self._parts:
                keepers.create_task(part.keep(say, self._tell))

    async def _end_leftovers(self) -> None:
        folders = [folder for folder in (self._var / PARTS).glob("*") if folder.is_dir()]
        await asyncio.gather(*(Supervised(folder.name, [], {}, folder).end_leftover() for folder in folders))

    def _listener(self, name: str) -> socket.socket:
        listener = bind(self._settings.port if name == "gateway" else 0)
        listener.listen(2048)
        return listener

    async def _prepare(self, listeners: Mapping[str, socket.socket]) -> None:
        """What ends before the parts start: the database, the topics."""
        works = [self._supervised(one, listeners) for one in self._cast.first]
        if self._settings.sample and await is_new(self._servers.dsn):
            (self._var / SAMPLE_PENDING).touch()
        for work in works:
            work.start()
        try:
            for work in works:
                await work.finished(FIRST_SECONDS)
        finally:
            await asyncio.gather(*(work.stop() for work in works))

    async def _start_parts(self, listeners: Mapping[str, socket.socket]) -> None:
        say(f"starting {', '.join(one.name for one in self._cast.serving)}")
        self._parts = [self._supervised(one, listeners) for one in self._cast.serving]
        for part in self._parts:
            part.start()
        await asyncio.gather(*(part.ready(READY_SECONDS) for part in self._parts))
        await self._owned()

    async def _owned(self) -> None:
        """Every partition of the market has an owner that is ready: nobody is told to come again."""
        deadline = monotonic() + OWNED_SECONDS
        connection = await asyncpg.connect(self._servers.dsn)
        try:
            while (
                count := await connection.fetchval("select count(*) from matching.partition_owner where is_ready")
            ) < STANDING_PARTITIONS:
                if monotonic() > deadline:
                    raise OwnServerError(
                        f"after {OWNED_SECONDS:g} s {count} of {STANDING_PARTITIONS} partitions of the market have an owner"
                    )
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await connection.close()

    async def _load_sample(self) -> None:
        if (self._var / SAMPLE_PENDING).exists():
            await load_sample(self._gateway)
            (self._var / SAMPLE_PENDING).unlink()

    def _supervised(self, service: Service, listeners: Mapping[str, socket.socket]) -> Supervised:
        folder = self._var / PARTS / service.name
        folder.mkdir(parents=True, exist_ok=True)
        kept = self._var / DISTRIBUTED_SECRETS
        kept.mkdir(mode=0o700, exist_ok=True)
        hand_out(service, kept, folder / "secrets", {"postgres_password": urlsplit(self._servers.dsn).password or ""})
        return Supervised(
            service.name, [AYNI, *service.command], self._environment(service, listeners), folder, listeners.get(service.name)
        )

    def _environment(self, service: Service, listeners: Mapping[str, socket.socket]) -> dict[str, str]:
        """The file's, at home here; then what is typed for this run (AYNI_...)."""
        places = {f"{name}:8000": f"{HOST}:{listener.getsockname()[1]}" for name, listener in listeners.items()}
        places |= {"postgres:5432": urlsplit(self._servers.dsn).netloc.rpartition("@")[2], "kafka:9092": self._servers.brokers or ""}
        here = {
            "AYNI_SECRETS_DIR": str(self._var / PARTS / service.name / "secrets"),
            "AYNI_HOST": HOST,
            "AYNI_KAFKA_CLUSTER_ID": self._servers.cluster_id,
            "AYNI_PUBLIC_URL": self._gateway,
            "AYNI_MAIL_FOLDER": str(self._var / MAIL),
        }
        here = {name: value for name, value in here.items() if name in service.environment}
        if self._settings.catalogue is not None:
            here["AYNI_CATALOGUE"] = str(self._settings.catalogue.absolute())
        typed = {name: value for name, value in os.environ.items() if name.startswith(HANDED_ON)}
        return at_home(service.environment, places) | here | typed

    async def _stop_parts(self) -> None:
        """The door first, so that what is in hand there still finds the parts."""
        for gateway in self._parts[-1:]:
            await gateway.stop()
        await asyncio.gather(*(part.stop() for part in self._parts))

    def _tell(self) -> None:
        parts = [RunningProcess(part.name, part.pid, part.port) for part in self._parts if part.pid is not None]
        processes = [*reversed(parts), *self._servers.processes()]
        tell_running(self._var, self._gateway, self._servers.dsn, processes, mode="distributed", kafka=self._servers.brokers)

    def _banner(self) -> str:
        rows: Sequence[RunningProcess] = [
            *(RunningProcess(part.name, part.pid or 0, part.port) for part in reversed(self._parts)),
            *self._servers.processes(),
        ]
        return "\n".join(
            [
                "",
                f"  Ayni is open at {self._gateway}",
                f"  docs       {self._gateway}/docs",
                f"  live       {self._gateway}/v1/stream",
                f"  programs   {self._settings.var / RUNNING}",
                f"  logs       {self._settings.var / PARTS}/*/log",
                "",
                *(f"  {row.name:<14} port {row.port or '-':<6} process {row.pid}" for row in rows),
                "",
                "  What ends by itself is started again; Ctrl-C stops it all, and the market stays.",
                "",
            ]
        )
