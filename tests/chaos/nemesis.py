"""What goes wrong, and when: by a seed, so that a run can be repeated.

Kinds: kill (any part), stall (SIGSTOP past the session, then SIGCONT), broker (killed and started again), database (immediate shutdown),
poison (a message that nobody can read), repeat (messages delivered again, in the wrong order).
"""

from __future__ import annotations

import asyncio
import random
import signal
import uuid
from collections import Counter
from contextlib import suppress
from time import monotonic

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from contracts.topics import DEALS, MATCHES, OFFERS, STANDING, STANDING_PARTITIONS, WANTS
from infra.embedded.process import until
from tests.chaos.planted import STALLED
from tests.chaos.system import SESSION_SECONDS, System

KINDS = frozenset({"kill", "stall", "broker", "database", "poison", "repeat"})
LATE_SECONDS = 120.0
PUBLIC = (OFFERS, WANTS, MATCHES, DEALS)
KILL_EVERY_SECONDS = 0.75
GONE_SECONDS = 5.0
REPEATED_AT_ONCE = 20
A_COMMIT_SECONDS, AWAY_SECONDS = 0.5, 5.0
STALLED_SECONDS = 4 * SESSION_SECONDS  # at the most; a broker that starts again gives everybody a new session
POISON = {"ce_type": "pe.ayni.offer.published.v1", "ce_time": "never", "ce_ayniversion": "1", "content-type": "application/json"}


class Nemesis:
    """Hurts the system for as long as it is told to, then heals it. seconds: how long the run is."""

    def __init__(self, system: System, seed: int, seconds: float) -> None:
        self.system, self.random, self.seconds = system, random.Random(seed), seconds
        self.faults: Counter[str] = Counter()
        self.poisoned: set[str] = set()
        self.offered_poison: set[str] = set()  # taken or not, as far as the broker said
        self.log: list[tuple[float, str]] = []
        self._begun = monotonic()
        self._busy: set[str] = set()

    async def run(self, until: asyncio.Event) -> None:
        """All kinds at once, each in its own rhythm; returns when nothing of it is left."""
        whole = self.seconds
        self.system.trouble.touch()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._each(until, KILL_EVERY_SECONDS, self._kill))
            group.create_task(self._each(until, whole / 3, self._stall))
            group.create_task(self._each(until, max(8.0, whole / 6), self._broker))
            group.create_task(self._each(until, max(whole / 3, min(whole / 2, 15.0)), self._database))
            group.create_task(self._each(until, whole / 10, self._poison))
            group.create_task(self._each(until, whole / 10, self._repeat))
        await self._heal()

    async def _each(self, until: asyncio.Event, seconds: float, fault: object) -> None:
        while not until.is_set():
            try:
                async with asyncio.timeout(seconds * self.random.uniform(0.5, 1.5)):
                    await until.wait()
            except TimeoutError:
                await fault()  # type: ignore[operator]  # one of the methods below

    def _note(self, kind: str, what: str) -> None:
        self.faults[kind] += 1
        self.log.append((round(monotonic() - self._begun, 3), f"{kind} {what}"))

    async def _kill(self) -> None:
        name = self.random.choice(sorted(self.system.parts.environments.keys() - self._busy - set(self.system.parts.stalled())))
        if self.system.parts.signal(name, signal.SIGKILL):
            self._note("kill", name)
        await until(lambda: not self.system.parts.is_alive(name), GONE_SECONDS)  # its port is free then
        await self.system.parts.begin(name)

    async def _stall(self) -> None:
        """Past the session: its partitions are another's when it wakes."""
        name = self.random.choice([one for one in self.system.parts.environments if one != "gateway"])
        self._busy.add(name)
        if self.system.parts.signal(name, signal.SIGSTOP):
            self._note("stall", name)
            await asyncio.sleep(min(30.0, max(10.0, self.seconds / 2)))
            self.system.parts.signal(name, signal.SIGCONT)
        self._busy.discard(name)

    async def wake_the_stalled(self) -> None:
        """Those that a planted stall has stopped in the middle of a transaction, until cancelled: it goes on while the rest heals.

        One is woken when others have all that he had, lives as long as a commit takes, and stays away for a while: if what he commits
        counts, those who took over do not know of it."""
        since: dict[str, float] = {}
        while True:
            stalled = self._stalled_in_the_middle()
            since = {name: since.get(name, monotonic()) for name in stalled}
            for name, moment in since.items():
                if monotonic() - moment > STALLED_SECONDS or await self._has_lost_all(name):
                    await self._wake_for_a_moment(name)
            if not stalled:
                self.system.trouble.with_suffix(STALLED).unlink(missing_ok=True)
            await asyncio.sleep(0.5)

    async def until_all_kinds_have_come(self) -> None:
        """Bounded. A busy machine may need longer for some than the run was planned to take: a broker that is away takes no poison."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LATE_SECONDS):
                while not self.faults.keys() >= KINDS:  # noqa: ASYNC110 - a count sets no event
                    await asyncio.sleep(0.1)

    async def until_all_are_awake(self) -> None:
        """Healed; whoever stood in the middle has gone on."""
        while self._busy or self._stalled_in_the_middle():  # noqa: ASYNC110 - the state of a process sets no event
            await asyncio.sleep(0.1)

    def _stalled_in_the_middle(self) -> list[str]:
        return [name for name in self.system.parts.stalled() if name not in self._busy]

    async def _wake_for_a_moment(self, name: str) -> None:
        self._note("stall", f"{name} in the middle")
        self._busy.add(name)
        for order, pause_seconds in ((signal.SIGCONT, A_COMMIT_SECONDS), (signal.SIGKILL, AWAY_SECONDS)):
            self.system.parts.signal(name, order)
            await asyncio.sleep(pause_seconds)
        await self.system.parts.begin(name)
        self._busy.discard(name)

    async def _has_lost_all(self, name: str) -> bool:
        """Whether every partition is another owner's, and rebuilt there. While the database is away nobody knows."""
        query = "select bool_and(is_ready and address <> $1) from matching.partition_owner"
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError):
            connection = await asyncpg.connect(self.system.dsn, timeout=2)
            try:
                return bool(await connection.fetchval(query, self.system.parts.environments[name]["AYNI_ADDRESS"]))
            finally:
                await connection.close()
        return False

    async def _broker(self) -> None:
        broker = self.random.choice(self.system.kafka.brokers).node.number
        self._note("broker", str(broker))
        await self.system.restart_broker(broker, self.random.uniform(0.5, 1.5))

    async def _database(self) -> None:
        self._note("database", "immediate")
        await self.system.restart_postgres()
        for name in self._stalled_in_the_middle():
            self.system.parts.signal(name, signal.SIGCONT)  # its transaction is gone, and with it what was to be seen

    async def _poison(self) -> None:
        key = f"poison-{uuid.UUID(int=self.random.getrandbits(128))}"
        topic = self.random.choice((STANDING, *PUBLIC))
        partition = self.random.randrange(STANDING_PARTITIONS) if topic == STANDING else 0
        headers = [(name, value.encode()) for name, value in (POISON | {"ce_id": key, "ce_subject": key}).items()]
        self.offered_poison.add(key)
        if await self._send([(topic, partition, key.encode(), b"{", headers)]):
            self.poisoned.add(key)
            self._note("poison", f"{topic} {key}")

    async def _repeat(self) -> None:
        """The last messages of a partition of some topic that has any, once more, the newest first."""
        for topic in self.random.sample((STANDING, *PUBLIC), 5):
            partition = self.random.choice(await self._written(topic))
            records = [record for record in await self._last(topic, partition) if not (record[2] or b"").startswith(b"poison")]
            if records and await self._send(records[::-1]):
                self._note("repeat", f"{len(records)} of {topic}/{partition}")
                return

    async def _written(self, topic: str) -> list[int]:
        if topic != STANDING:
            return [0]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.system.servers)
        try:
            await consumer.start()
            ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(STANDING_PARTITIONS)])
            return [one.partition for one, end in ends.items() if end] or [0]
        except KafkaError:
            return [0]
        finally:
            await consumer.stop()

    async def _last(self, topic: str, partition: int) -> list[tuple[str, int, bytes | None, bytes | None, list[tuple[str, bytes]]]]:
        place = TopicPartition(topic, partition)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.system.servers, isolation_level="read_committed")
        try:
            await consumer.start()
            consumer.assign([place])
            end = (await consumer.end_offsets([place]))[place]
            consumer.seek(place, max(0, end - REPEATED_AT_ONCE))
            found = await consumer.getmany(place, timeout_ms=1500, max_records=REPEATED_AT_ONCE)
            return [(topic, partition, one.key, one.value, list(one.headers)) for one in found.get(place, [])]
        except KafkaError:
            return []
        finally:
            await consumer.stop()

    async def _send(self, records: list[tuple[str, int, bytes | None, bytes | None, list[tuple[str, bytes]]]]) -> bool:
        """Whether the broker took them all."""
        producer = AIOKafkaProducer(bootstrap_servers=self.system.servers, acks="all", enable_idempotence=True)
        try:
            async with asyncio.timeout(20):
                await producer.start()
                for topic, partition, key, value, headers in records:
                    await producer.send_and_wait(topic, value, key, partition, headers=headers)
            return True
        except (KafkaError, TimeoutError):
            return False
        finally:
            await producer.stop()

    async def _heal(self) -> None:
        """Everybody runs, and nobody stops by himself any more; who stands in the middle is woken in his time."""
        self.system.trouble.unlink()
        for name in self.system.parts.environments.keys() - self._busy:
            if not self.system.parts.is_alive(name):
                await self.system.parts.begin(name)
