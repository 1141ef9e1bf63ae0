"""A consumer of Kafka: a member of a group that reads what is committed, commits what was handled, and joins anew where it is stuck.

Load-bearing: see turns.py for who may change what when. A member that failed, was stuck or could not be heard of is left behind whole, and
the next poll makes a new one: aiokafka's own recovery is not relied on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, errors
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.structs import OffsetAndMetadata
from prometheus_client import Counter

from kit.bus import CommitFailedError, Listener, Record, TopicPartition
from kit.bus_kafka.connection import Connection, translated
from kit.bus_kafka.records import record_of
from kit.bus_kafka.turns import Turns, kafka_partitions
from kit.bus_kafka.watch import Watch

log = structlog.get_logger(__name__)

JOINS = Counter("ayni_kafka_joins_total", "Times a consumer made a new client and joined its group", ["group"])
REBALANCES = Counter("ayni_kafka_rebalances_total", "Times a consumer was given its partitions", ["group"])
STUCK = Counter("ayni_kafka_stuck_total", "Times a consumer made no progress and was replaced", ["group"])

ANSWER_SECONDS = 5.0
RETRY_SECONDS = 0.1
GOODBYE_SECONDS = 2.0
LEAST_WAIT_MS = 1  # with 0 aiokafka does not wait at all, and nothing else would run
LOST_POLL_SECONDS = 1.0

GONE = (errors.UnknownMemberIdError, errors.IllegalGenerationError, errors.RebalanceInProgressError)
Check = Callable[[Collection[str]], Awaitable[None]]


class KafkaConsumer:
    """The port's Consumer."""

    def __init__(
        self, connection: Connection, group: str, topics: tuple[str, ...], listener: Listener | None, check: Check, instance: str | None
    ) -> None:
        """See KafkaBus.consumer. check: that the cluster is the right one, and has the topics."""
        self._connection, self._group, self._topics, self._listener = connection, group, topics, listener
        self._check, self._instance = check, instance
        self._member: Member | None = None
        self._delivered: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Join; partitions come while polling. Raises UnknownTopicError, TopicMismatchError, OSError."""
        await self._joined()

    async def stop(self) -> None:
        """Tell `revoked`, leave. Harmless when repeated."""
        member, self._member = self._member, None
        self._delivered.clear()
        if member is not None:
            await member.leave()
            if (failure := member.turns.failure) is not None:
                raise failure

    async def poll(self, timeout_seconds: float, max_records: int) -> dict[TopicPartition, list[Record]]:
        """As the port says."""
        member = await self._joined()
        member.turns.take_back()
        found = await self._fetch(member, timeout_seconds, max_records)
        if not found:
            await self._look_after(member)
            return {}
        member.watch.advanced()
        member.turns.hand_out()
        delivered = {one: [record_of(record) for record in records] for one, records in found.items()}
        self._delivered.update((one, records[-1].position + 1) for one, records in delivered.items())
        return delivered

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """As the port says. The group's coordinator refuses a former member; what this one no longer owns is not even asked for."""
        member = self._member
        if member is None or positions.keys() - member.turns.owned:
            raise CommitFailedError(f"not assigned: {sorted(positions)}")
        try:
            async with member.turns.commits, _answered(member, "Kafka takes no commit"):
                await _commit(member.client, dict(zip(kafka_partitions(positions), positions.values(), strict=True)))
        except GONE as error:
            raise CommitFailedError(f"the group has gone on without this member: {error}") from error

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """As the port says."""
        if self._member is not None:
            mine = self._member.turns.owned & set(partitions)
            self._member.turns.paused |= mine
            self._member.client.pause(*kafka_partitions(mine))

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """As the port says. While the listener is being told, all is held back anyhow."""
        if self._member is not None:
            self._member.turns.paused.difference_update(partitions)
            if not self._member.turns.is_changing:
                self._member.client.resume(*kafka_partitions(self._member.turns.owned & set(partitions)))

    def seek(self, partition: TopicPartition, position: int) -> None:
        """As the port says."""
        if self._member is not None and partition in self._member.turns.owned:
            self._member.client.seek(*kafka_partitions([partition]), position)
            self._delivered[partition] = position

    async def end_positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """As the port says. After the last record may come the mark of its transaction: whoever has passed that has read everything."""
        member = self._member
        if member is None:
            raise ConnectionError("the member is not joined")
        async with _answered(member, "Kafka does not say where the partitions end"):
            ends = await member.client.end_offsets(kafka_partitions(partitions))
        return {one: self._end(member, one, ends[kafka]) for one, kafka in zip(partitions, kafka_partitions(partitions), strict=True)}

    def assignment(self) -> frozenset[TopicPartition]:
        """As the port says."""
        return self._member.turns.owned if self._member is not None else frozenset()

    def _end(self, member: Member, partition: TopicPartition, end: int) -> int:
        passed = member.position(partition)
        return self._delivered.get(partition, end) if passed is not None and passed >= end else end

    async def _joined(self) -> Member:
        if self._member is None:
            await self._check(self._topics)
            self._delivered.clear()
            self._member = await Member.join(self._connection, self._group, self._topics, self._listener, self._instance)
        return self._member

    async def _fetch(self, member: Member, seconds: float, max_records: int) -> dict[TopicPartition, list[Any]]:
        """Within a rebalance aiokafka waits for its end, whatever the timeout."""
        if member.watch.hindrance:
            seconds = min(seconds, LOST_POLL_SECONDS)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds + 0.5):
                    with translated(f"the group {self._group} cannot be followed"):
                        wait_ms = max(LEAST_WAIT_MS, int(seconds * 1000))
                        found = await member.client.getmany(timeout_ms=wait_ms, max_records=max_records)
                        return {TopicPartition(one.topic, one.partition): records for one, records in found.items()}
        except (errors.KafkaError, errors.IllegalOperation, OSError, LookupError):
            await self.stop()
            raise
        return {}

    async def _look_after(self, member: Member) -> None:
        """Raises what the listener raised, and ConnectionError while the cluster does not answer. A stuck member is left behind."""
        if member.turns.failure is not None:
            await self.stop()
        if member.watching.done():
            await self.stop()
            member.watching.result()
        if member.watch.is_stuck:
            STUCK.labels(self._group).inc()
            log.warning("kafka.consumer_stuck", group=self._group, owned=len(member.turns.owned))
            await self.stop()
        elif member.watch.hindrance:
            raise ConnectionError(f"Kafka at {self._connection.servers} does not answer: {member.watch.hindrance}")


class Member:
    """One client in the group, from joining to leaving."""

    def __init__(self, client: AIOKafkaConsumer, turns: Turns, watch: Watch) -> None:
        """Use `join`."""
        self.client, self.turns, self.watch = client, turns, watch
        self.watching = asyncio.create_task(watch.run(), name="watching a consumer")

    @classmethod
    async def join(
        cls, connection: Connection, group: str, topics: tuple[str, ...], listener: Listener | None, instance: str | None
    ) -> Member:
        """Connect and subscribe; aiokafka joins in the background. Raises OSError."""
        timeouts = connection.timeouts
        client = AIOKafkaConsumer(
            **connection.options(),
            group_id=group,
            group_instance_id=instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            partition_assignment_strategy=(RangePartitionAssignor,),  # partition i of every topic to the same member
            session_timeout_ms=int(timeouts.session_seconds * 1000),
            heartbeat_interval_ms=int(timeouts.session_seconds * 1000 / 4),
            rebalance_timeout_ms=int(timeouts.rebalance_seconds * 1000),
        )
        turns = Turns(listener, client.pause, client.resume, REBALANCES.labels(group).inc)
        try:
            async with asyncio.timeout(timeouts.send_seconds):
                with translated(f"the group {group} cannot be joined"):
                    await client.start()
            client.subscribe(topics, listener=turns)
        except BaseException:
            await _depart(client)
            raise
        JOINS.labels(group).inc()
        return cls(client, turns, Watch(client, turns, connection))

    def position(self, partition: TopicPartition) -> int | None:
        """The next to be fetched, as far as it is known without asking."""
        assignment = self.client._subscription.subscription.assignment
        state = assignment.state_value(*kafka_partitions([partition])) if assignment is not None else None
        return state.position if state is not None and state.has_valid_position else None

    async def leave(self) -> None:
        """The listener first, then the group."""
        self.watching.cancel()
        try:
            await self.turns.end()
        finally:
            await _depart(self.client)


@asynccontextmanager
async def _answered(member: Member, otherwise: str) -> AsyncIterator[None]:
    """In a bounded time; else the member knows that the cluster does not answer. Raises OSError."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            with translated(otherwise):
                yield
    except OSError as error:
        member.watch.lost(error)
        raise


async def _commit(client: AIOKafkaConsumer, positions: Mapping[Any, int]) -> None:
    """As aiokafka's own `commit`, which shields the request: one that is given up would end unheard, in a traceback on its own."""
    coordinator, assignment = client._coordinator, client._subscription.subscription.assignment
    offsets = {one: OffsetAndMetadata(position, "") for one, position in positions.items()}
    while True:
        await coordinator.ensure_coordinator_known()
        try:
            async with coordinator._commit_lock:
                await coordinator._do_commit_offsets(assignment, offsets)
            return
        except errors.KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(RETRY_SECONDS)


async def _depart(client: AIOKafkaConsumer) -> None:
    """With a goodbye, for a bounded time: its own `stop` may wait for an answer to JoinGroup, or for a broker that is gone."""
    try:
        async with asyncio.timeout(GOODBYE_SECONDS):
            await client.stop()
    except (TimeoutError, errors.KafkaError):
        if client._coordinator is not None:
            await client._coordinator._stop_heartbeat_task()
            await client._coordinator._stop_commit_offsets_refresh_task()
        if client._fetcher is not None:
            await client._fetcher.close()
        await client._client.close()
