"""The distributed system on this machine, for the harness to hurt: PostgreSQL, Kafka and every part as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic

import httpx
import psutil

from contracts.topics import TOPICS
from infra.database import ROLES, prepare_database, role_dsn
from infra.embedded.postgres import Postgres
from infra.embedded.process import until
from infra.kafka.cluster import KafkaCluster
from kit.bus import Topic
from kit.bus_kafka import ensure_topics
from tests.chaos.planted import TROUBLE

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]
READY_SECONDS = 240.0
STOP_SECONDS = 12.0
SESSION_SECONDS = 6.0  # the least that a broker takes


def free_ports(names: Collection[str]) -> dict[str, int]:
    """One for each name, all different."""
    with ExitStack() as stack:
        probes = {name: stack.enter_context(socket.socket()) for name in names}
        for probe in probes.values():
            probe.bind((HOST, 0))
        return {name: int(probe.getsockname()[1]) for name, probe in probes.items()}


class Parts:
    """The parts' processes: started, killed, stalled and started again by name."""

    def __init__(self, folder: Path, environments: Mapping[str, Mapping[str, str]], plants: Collection[str]) -> None:
        """environments: by the process's name; the part is what stands before the first dash."""
        self.folder, self.environments, self.plants = folder, environments, sorted(plants)
        self.pids: dict[str, int] = {}
        self._zygote: asyncio.subprocess.Process | None = None
        self._ordering = asyncio.Lock()

    async def start(self) -> None:
        """All of them."""
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "tests.chaos.zygote")
        self._zygote = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
        assert await self._answer() == "ready"
        for name in self.environments:
            await self.begin(name)

    async def begin(self, name: str) -> None:
        """That one, anew."""
        part = name.partition("-")[0]
        log = str(self.folder / f"{name}.log")
        order = {"part": part, "env": dict(self.environments[name]), "log": log, "plants": self.plants}
        async with self._ordering:
            assert self._zygote is not None
            assert self._zygote.stdin is not None
            self._zygote.stdin.write(json.dumps(order).encode() + b"\n")
            self.pids[name] = int(await self._answer())

    async def _answer(self) -> str:
        assert self._zygote is not None
        assert self._zygote.stdout is not None
        return (await self._zygote.stdout.readline()).decode().strip()

    def signal(self, name: str, order: signal.Signals) -> bool:
        """Whether it was there to get it."""
        with suppress(ProcessLookupError):
            os.kill(self.pids[name], order)
            return True
        return False

    def is_alive(self, name: str) -> bool:
        return psutil.pid_exists(self.pids[name])

    def stalled(self) -> list[str]:
        """Those that have been stopped, by us or by themselves."""
        found = []
        for name, pid in self.pids.items():
            with suppress(psutil.NoSuchProcess):
                if psutil.Process(pid).status() == psutil.STATUS_STOPPED:
                    found.append(name)
        return found

    async def stop(self) -> None:
        """Cleanly, then for good."""
        for order in (signal.SIGCONT, signal.SIGTERM):
            for name in self.pids:
                self.signal(name, order)
        await until(lambda: not any(self.is_alive(name) for name in self.pids), STOP_SECONDS)
        for name in self.pids:
            self.signal(name, signal.SIGKILL)
        if self._zygote is not None:
            self._zygote.kill()
            await self._zygote.wait()


class System:
    """Everything, over one folder that an unprivileged server may enter."""

    def __init__(self, folder: Path, brokers: int, owners: int, plants: Collection[str]) -> None:
        self.folder, self.owners, self.plants = folder, owners, plants
        self.ports = free_ports(("postgresql", "gateway", "listings", "notifications", *self._matching()))
        self.postgres = Postgres(folder / "postgresql", self.ports["postgresql"])
        self.kafka = KafkaCluster(folder / "kafka", brokers)
        self.gateway = f"http://{HOST}:{self.ports['gateway']}"
        self.dsn = self.servers = ""
        self.trouble = folder / "trouble"
        self.passwords = {role: secrets.token_urlsafe(24) for role in ROLES}

    async def start(self) -> None:
        """Returns when the gateway is ready."""
        await self.start_servers()
        await self.start_parts()

    async def start_servers(self) -> None:
        """PostgreSQL and Kafka, with the schemas and the topics of this release."""
        self.dsn, self.servers = await self.postgres.start(), await self.kafka.start()
        await prepare_database(self.dsn, self.passwords)
        await ensure_topics(self.servers, [Topic(one.name, one.partitions, one.retention_hours, one.is_compacted) for one in TOPICS])
        (self.folder / "system.json").write_text(json.dumps({"database": self.dsn, "kafka": self.servers, "gateway": self.gateway}))

    async def start_parts(self) -> None:
        """Returns when the gateway is ready."""
        self.parts = Parts(self.folder, self._environments(self.passwords), self.plants)
        await self.parts.start()
        await self.until_ready()

    def _environments(self, passwords: Mapping[str, str]) -> dict[str, dict[str, str]]:
        urls = {name: f"http://{HOST}:{self.ports[name]}" for name in ("listings", "notifications", *self._matching())}
        shared = {
            "AYNI_INTERNAL_TOKEN": secrets.token_urlsafe(32),
            "AYNI_TOKEN_SECRET": secrets.token_urlsafe(48),
            "AYNI_LINK_SECRET": secrets.token_urlsafe(48),
            "AYNI_KAFKA_SERVERS": self.servers,
            "AYNI_KAFKA_SESSION_SECONDS": f"{SESSION_SECONDS:g}",
            "AYNI_LISTINGS_URL": urls["listings"],
            "AYNI_MATCHING_URL": ",".join(urls[name] for name in self._matching()),
            "AYNI_NOTIFICATIONS_URL": urls["notifications"],
            "AYNI_JOINS_PER_MINUTE": "",
            "AYNI_HOST": HOST,
            TROUBLE: str(self.trouble),
        }
        found = {}
        for name in urls:
            part = name.partition("-")[0]
            own = {
                "AYNI_PORT": str(self.ports[name]),
                "AYNI_DATABASE_URL": role_dsn(self.dsn, part, passwords[part]),
                "AYNI_ADDRESS": urls[name],
            }
            found[name] = shared | own | {"AYNI_KAFKA_INSTANCE": name, "AYNI_MAIL_FOLDER": str(self.folder / "mail")}
        return found | {"gateway": shared | {"AYNI_PORT": str(self.ports["gateway"])}}

    def _matching(self) -> list[str]:
        return [f"matching-{number}" for number in range(1, self.owners + 1)]

    async def until_ready(self) -> None:
        """Raises AssertionError where it does not become ready."""
        deadline = monotonic() + READY_SECONDS
        async with httpx.AsyncClient(base_url=self.gateway, timeout=5) as http:
            while monotonic() < deadline:
                with suppress(httpx.HTTPError):
                    if (await http.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.1)
        raise AssertionError(f"not ready within {READY_SECONDS:g} s: see the logs in {self.folder}")

    async def restart_postgres(self) -> None:
        """An immediate shutdown, as in a power failure, and the start that recovers from it."""
        assert self.postgres.pid is not None
        os.kill(self.postgres.pid, signal.SIGQUIT)
        await self.postgres.stop()
        await self.postgres.start()

    async def restart_broker(self, number: int, pause_seconds: float) -> None:
        """One broker is killed, and is back a moment later."""
        await self.kafka.broker(number).kill()
        await asyncio.sleep(pause_seconds)
        await self.kafka.restart(number)

    async def stop(self) -> None:
        if hasattr(self, "parts"):
            await self.parts.stop()
        await self.kafka.stop()
        await self.postgres.stop()
