"""A cluster of our own brokers over one folder: its identity, its ports, its beginning and its end.

Load-bearing: the folder's lock, as for PostgreSQL: whoever holds it is the only one that starts brokers there. The number of brokers is
part of the data (voters, replicas), so it is kept with the cluster's id and never changes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from infra.embedded.files import write_private
from infra.embedded.lock import FolderInUseError, held
from infra.kafka.broker import Broker, KafkaServerError
from infra.kafka.jars import kafka_jars
from infra.kafka.properties import HOST, Node
from infra.kafka.warm import is_open, warm_up
from kit.bus_kafka import brokers_of

START_SECONDS = 180.0  # three nodes need 9 s on two idle cores; recovery after a kill reads the last segments
POLL_SECONDS = 0.2
TRIES = 5
PORTS = range(15_000, 32_000)  # below those that the kernel lends to outgoing connections: a killed broker finds its port free again


class KafkaCluster:
    """One or three brokers over one folder, for one process; after `stop` it may be started again."""

    def __init__(self, folder: Path, brokers: int = 1, ports: tuple[int, ...] = ()) -> None:
        """ports: where clients reach the brokers; free ones where none are given. The folder is made where it is missing."""
        if brokers < 1 or (ports and len(ports) != brokers):
            raise ValueError("at least one broker, and a port for each or for none")
        self.folder = folder.absolute()
        self.cluster_id = ""
        self.brokers: list[Broker] = []
        self._count, self._asked_ports = brokers, ports
        self._held = ExitStack()

    @property
    def servers(self) -> str:
        """What a client is told: `host:port` of every broker, with commas."""
        return ",".join(f"{HOST}:{broker.port}" for broker in self.brokers)

    async def start(self) -> str:
        """The `servers`, once all of them serve. Call it on the main thread. Raises KafkaServerError."""
        if self.brokers:
            raise KafkaServerError(f"Kafka over {self.folder} runs already")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._held.enter_context(held(self.folder))
            self.cluster_id = self._identity()
            await self._start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, (OSError, FolderInUseError)):
                raise KafkaServerError(f"Kafka cannot start over {self.folder}: {error}") from error
            raise
        return self.servers

    async def restart(self, number: int) -> None:
        """Start that broker again, where it was, and wait until all that run are in the cluster. Raises KafkaServerError."""
        await self.broker(number).start(self.cluster_id)
        await self._until_ready()

    def broker(self, number: int) -> Broker:
        """By its number, from 1."""
        return next(broker for broker in self.brokers if broker.node.number == number)

    def check(self) -> None:
        """Raises KafkaServerError where a broker has ended by itself."""
        for broker in self.brokers:
            broker.check()

    async def stop(self) -> None:
        """All of them, cleanly. Idempotent."""
        await asyncio.gather(*(broker.stop() for broker in self.brokers))
        self.brokers = []
        self._held.close()

    async def _start(self) -> None:
        """Tried again where a free port was taken before the broker had it."""
        class_path = await asyncio.to_thread(kafka_jars)
        await asyncio.to_thread(warm_up, class_path)
        for is_last in (*[False] * (TRIES - 1), True):
            nodes = self._nodes()
            self.brokers = [Broker(self.folder / f"broker-{node.number}", node, nodes, class_path) for node in nodes]
            for broker in self.brokers:
                await broker.start(self.cluster_id)
            try:
                await self._until_ready()
                break
            except KafkaServerError:
                if is_last or self._asked_ports or not any(broker.is_taken_port() for broker in self.brokers):
                    raise
                await asyncio.gather(*(broker.stop() for broker in self.brokers))

    async def _until_ready(self) -> None:
        """Every broker that runs is registered and answers."""
        wanted = {broker.node.number for broker in self.brokers if broker.pid is not None}
        deadline = monotonic() + START_SECONDS
        while not (self._listen(wanted) and wanted <= await brokers_of(self.servers)):
            self.check()
            if monotonic() > deadline:
                causes = "".join(broker.explain() for broker in self.brokers)
                raise KafkaServerError(f"Kafka does not answer after {START_SECONDS:.0f} s{causes}")
            await asyncio.sleep(POLL_SECONDS)

    def _listen(self, numbers: set[int]) -> bool:
        """Looked at first, because a client that is refused says so in the log."""
        return all(is_open(self.broker(number).port) for number in numbers)

    def _nodes(self) -> list[Node]:
        ports = _free_ports()
        return [
            Node(number, self._asked_ports[number - 1] if self._asked_ports else next(ports), next(ports))
            for number in range(1, self._count + 1)
        ]

    def _identity(self) -> str:
        """The cluster's id, made with the folder. Raises KafkaServerError where the folder is one of another number of brokers."""
        path = self.folder / "cluster.json"
        if not path.exists():
            write_private(path, json.dumps({"cluster_id": _new_cluster_id(), "brokers": self._count}))
        kept = json.loads(path.read_text())
        if kept["brokers"] != self._count:
            raise KafkaServerError(
                f"{self.folder} holds a cluster of {kept['brokers']} brokers, and {self._count} are asked for:"
                " ask for as many as it has, or choose another folder"
            )
        return str(kept["cluster_id"])


def _new_cluster_id() -> str:
    """16 random bytes as Kafka writes them. One that begins with a dash would be taken for an option."""
    while (made := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        pass
    return made


def _free_ports() -> Iterator[int]:
    """Ports that nobody has at the moment, each once."""
    for port in random.sample(PORTS, len(PORTS)):  # so that two at once seldom ask for the same
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        yield port
