"""The consumer loop: polls, hands each partition's records to a handler in order, commits what was handled (invariants 2 and 7).

Load-bearing: an offset is committed after the handler's own transaction, never before, and whatever was polled is either handled, buried
or sought back to. A transient error holds its partition back and is retried for ever; a record that fails by itself becomes a
dead letter and the next is taken; whoever lost the partition (`FencedError`) has its work dropped without a commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import structlog
from prometheus_client import Counter, Gauge

from kit.bus import Bus, Listener, Record, TopicPartition
from kit.bus import Consumer as BusConsumer
from kit.crashing import crash_point
from kit.dead_letters import letter
from kit.holds import Hold, Holds
from kit.transient import TransientError, backoff_seconds, is_transient

__all__ = ["ConsumerLoop", "FencedError", "Handle", "TransientError"]

log = structlog.get_logger(__name__)

Handle = Callable[[TopicPartition, Sequence[Record]], Awaitable[None]]

HANDLED = Counter("ayni_consumer_records_total", "Records handled, dead letters among them", ["group", "topic"])
DEAD = Counter("ayni_consumer_dead_letters_total", "Records put among the dead letters", ["group", "topic"])
RETRIES = Counter("ayni_consumer_retries_total", "Times a partition was held back to try again later", ["group", "topic"])
COMMITS_FAILED = Counter("ayni_consumer_failed_commits_total", "Commits that failed: their records may come again", ["group"])
LAG = Gauge("ayni_consumer_lag", "Records between the last handled and the end", ["group", "topic", "partition"])

PAUSES_SECONDS = (0.1, 0.4)  # between the three tries of a record: all within a second


class FencedError(Exception):
    """Raised by a handler whose effect was refused because another owner has the partition."""


class ConsumerLoop:
    """One member of a group and its handler. `run` until cancelled.

    `handle(partition, records)` gets records of one partition in order, and makes its effect in one transaction of its own; partitions
    take turns. `listener` is told of ownership before the first record and after the last, never while a batch is in hand."""

    def __init__(
        self,
        bus: Bus,
        group: str,
        topics: Sequence[str],
        handle: Handle,
        *,
        listener: Listener | None = None,
        dead_letter_topic: str,
        max_records: int = 500,
        poll_seconds: float = 1.0,
        longest_backoff_seconds: float = 5.0,
        lag_seconds: float = 10.0,
        drain_seconds: float = 3.0,
    ) -> None:
        """Nothing happens before `run`."""
        self._bus, self._group, self._handle_records = bus, group, handle
        self._listener, self._dead_letter_topic = listener, dead_letter_topic
        self._max_records, self._poll_seconds = max_records, poll_seconds
        self._longest_backoff_seconds = longest_backoff_seconds
        self._lag_seconds, self._drain_seconds = lag_seconds, drain_seconds
        self._consumer: BusConsumer = bus.consumer(group, topics, Gate(self))
        self._busy = asyncio.Lock()  # a bus may revoke in the background: it waits until what is in hand is committed
        self._holds = Holds(longest_backoff_seconds)
        self._next_positions: dict[TopicPartition, int] = {}
        self._failures = 0
        self._next_lag = 0.0

    async def run(self) -> None:
        """Consume until cancelled; the batch in hand is finished first, for at most `drain_seconds`."""
        try:
            while not await self._reached(self._consumer.start()):
                pass
            while True:
                await self._turn()
        finally:
            await self._stop()

    async def _turn(self) -> None:
        found: dict[TopicPartition, list[Record]] = {}

        async def poll() -> None:
            await self._measure_lag()  # before the poll: once polled, records must reach the handler
            found.update(await self._consumer.poll(self._holds.seconds_to_next(_now(), self._poll_seconds), self._max_records))

        if not await self._reached(poll()):
            return
        await self._end_holds()
        for partition, records in found.items():
            async with self._busy:
                if partition in self._consumer.assignment():
                    await self._finish(self._take(partition, records))

    async def _reached(self, call: Coroutine[Any, Any, None]) -> bool:
        """Whether the bus could be reached; if not, a pause has been made. Logged once a change of state."""
        try:
            await call
        except Exception as error:
            self._failures += 1
            if self._failures == 1:
                report = log.warning if is_transient(error) else log.error
                report("consumer.bus_lost", group=self._group, cause=repr(error), exc_info=not is_transient(error))
            await asyncio.sleep(backoff_seconds(self._failures, self._longest_backoff_seconds))
            return False
        if self._failures:
            log.info("consumer.bus_found", group=self._group, failures=self._failures)
        self._failures = 0
        return True

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        """A batch in hand is drained: cancelling waits until it is committed, for a bounded time, then rolls it back."""
        task = asyncio.create_task(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            _, unfinished = await asyncio.wait([task], timeout=self._drain_seconds)
            if unfinished:
                task.cancel()
                await asyncio.wait([task])
            raise

    async def _stop(self) -> None:
        try:
            await self._consumer.stop()
        except Exception as error:
            log.warning("consumer.left_without_goodbye", group=self._group, cause=repr(error))

    async def _take(self, partition: TopicPartition, records: Sequence[Record]) -> None:
        """The whole batch at once; one by one where that fails."""
        try:
            await self._handle_records(partition, records)
        except Exception as error:
            if _passes(error):
                self._hold_back(partition, records[0], error)
            else:
                await self._take_one_by_one(partition, records, error)
        else:
            await self._handled(partition, records)

    async def _take_one_by_one(self, partition: TopicPartition, records: Sequence[Record], error: Exception) -> None:
        tries = 1 if len(records) == 1 else 0  # a batch of one has had its first try
        for record in records:
            try:
                await self._take_record(partition, record, tries, error)
            except Exception as hindrance:
                self._hold_back(partition, record, hindrance)
                return
            await self._handled(partition, [record])

    async def _take_record(self, partition: TopicPartition, record: Record, tries: int, error: Exception) -> None:
        """Three tries, then the dead letters. Raises only what holds the partition back."""
        for attempt in range(tries, len(PAUSES_SECONDS) + 1):
            if attempt > 0:
                await asyncio.sleep(PAUSES_SECONDS[attempt - 1])
            try:
                await self._handle_records(partition, [record])
            except Exception as again:
                if _passes(again):
                    raise
                error = again
            else:
                return
        await self._bury(record, error)

    async def _bury(self, record: Record, error: Exception) -> None:
        await self._bus.publish([letter(record, topic=self._dead_letter_topic, consumer=self._group, error=error)])
        crash_point(f"{self._group}.after_burial")
        DEAD.labels(self._group, record.topic).inc()
        place = {"topic": record.topic, "partition": record.partition, "position": record.position}
        log.error("consumer.dead_letter", group=self._group, **place, cause=repr(error), exc_info=error)

    async def _handled(self, partition: TopicPartition, records: Sequence[Record]) -> None:
        position = records[-1].position + 1
        crash_point(f"{self._group}.after_handle")
        HANDLED.labels(self._group, partition.topic).inc(len(records))
        self._next_positions[partition] = position
        if self._holds.end([partition]):
            log.info("consumer.partition_goes_on", group=self._group, topic=partition.topic, partition=partition.partition)
        try:
            await self._consumer.commit({partition: position})
        except Exception as error:  # the effect stands: what is delivered again is guarded, and the next commit covers this one
            COMMITS_FAILED.labels(self._group).inc()
            log.info("consumer.commit_failed", group=self._group, topic=partition.topic, partition=partition.partition, cause=repr(error))
        crash_point(f"{self._group}.after_offset")

    def _hold_back(self, partition: TopicPartition, record: Record, error: Exception) -> None:
        """The partition will go on from this record, later."""
        self._wait(partition, error)
        self._next_positions[partition] = record.position
        self._consumer.pause([partition])
        self._consumer.seek(partition, record.position)

    def _wait(self, partition: TopicPartition, error: Exception, *, is_fenced: bool = False) -> None:
        hold = self._holds.add(partition, _now(), is_fenced=is_fenced or isinstance(error, FencedError))
        RETRIES.labels(self._group, partition.topic).inc()
        if hold.failures == 1:
            place = {"topic": partition.topic, "partition": partition.partition}
            report = log.warning if _passes(error) else log.error
            report("consumer.partition_waits", group=self._group, **place, cause=repr(error))

    async def _end_holds(self) -> None:
        for partition, hold in self._holds.due(_now()).items():
            async with self._busy:
                if partition in self._consumer.assignment() and await self._is_open(partition, hold):
                    self._holds.try_again(partition)
                    self._consumer.resume([partition])

    async def _is_open(self, partition: TopicPartition, hold: Hold) -> bool:
        """A fenced partition that is ours all the same was taken by somebody who had no right to it any more: take it up anew."""
        if hold.is_fenced and self._listener is not None:
            try:
                await self._listener.revoked(frozenset([partition]))
                await self._listener.assigned(frozenset([partition]))
            except Exception as error:
                self._wait(partition, error, is_fenced=True)
                return False
        return True

    async def _assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Transient errors are waited out: no record may be delivered before the listener is ready."""
        async with self._busy:
            self._forget(partitions)
            failures = 0
            while (hindrance := await self._take_up(partitions)) is not None:
                failures += 1
                if failures == 1:
                    log.warning("consumer.cannot_take_up", group=self._group, cause=repr(hindrance))
                await asyncio.sleep(backoff_seconds(failures, self._longest_backoff_seconds))

    async def _take_up(self, partitions: frozenset[TopicPartition]) -> Exception | None:
        """What hinders, if it passes by itself."""
        try:
            if self._listener is not None:
                await self._listener.assigned(partitions)
        except Exception as error:
            if not is_transient(error):
                raise
            return error
        return None

    async def _revoked(self, partitions: frozenset[TopicPartition]) -> None:
        async with self._busy:
            self._forget(partitions)
            if self._listener is not None:
                await self._listener.revoked(partitions)

    def _forget(self, partitions: frozenset[TopicPartition]) -> None:
        self._holds.end(partitions)
        for one in partitions:
            self._next_positions.pop(one, None)
            with suppress(KeyError):
                LAG.remove(self._group, one.topic, str(one.partition))

    async def _measure_lag(self) -> None:
        if _now() < self._next_lag or not self._next_positions:
            return
        self._next_lag = _now() + self._lag_seconds
        ends = await self._consumer.end_positions(list(self._next_positions))
        for one, position in self._next_positions.items():
            if one in ends:
                LAG.labels(self._group, one.topic, str(one.partition)).set(max(0, ends[one] - position))


class Gate:
    """The listener that the bus sees: what is in hand is finished first."""

    def __init__(self, loop: ConsumerLoop) -> None:
        """Made by the loop."""
        self._loop = loop

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """See Listener."""
        await self._loop._assigned(partitions)

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """See Listener."""
        await self._loop._revoked(partitions)


def _passes(error: Exception) -> bool:
    """Whether the partition waits for better times, rather than the record being at fault."""
    return isinstance(error, FencedError) or is_transient(error)


def _now() -> float:
    return asyncio.get_running_loop().time()
