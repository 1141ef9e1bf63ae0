"""What Kafka brings of its own to the bus: brokers that go away, clients that get stuck, heartbeats, fencing, records that are not ours."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

from contracts.envelope import EVENT_TYPES, Event
from contracts.examples import example_of
from infra.kafka import KafkaCluster
from kit.bus import Listener, Message, PublisherFencedError, Record, Topic, TopicPartition
from kit.bus_kafka import KafkaBus, KafkaTimeouts, ensure_topics
from kit.bus_kafka.consumer import KafkaConsumer
from kit.consumer import ConsumerLoop
from kit.ids import new_id
from tests.browsing import browsed
from tests.loops import running
from tests.patience import PATIENCE_SECONDS


class Handler:
    """Keeps what it handles, and lets a test wait for it."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._changed = asyncio.Condition()

    async def __call__(self, _: TopicPartition, records: Sequence[Record]) -> None:
        self.numbers += [int(record.value) for record in records]
        await self.tell()

    async def tell(self) -> None:
        """Something changed."""
        async with self._changed:
            self._changed.notify_all()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Bounded."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(is_so)


class Told(Handler):
    """A listener that keeps what it was told, and may take its time, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.owned: set[TopicPartition] = set()
        self.journal: list[str] = []
        self.may_assign = asyncio.Event()
        self.may_assign.set()
        self.error: Exception | None = None

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        await self.may_assign.wait()
        if self.error is not None:
            raise self.error
        self.owned |= partitions
        self.journal.append("assigned")
        await self.tell()

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.owned -= partitions
        self.journal.append("revoked")
        await self.tell()


@asynccontextmanager
async def polling(consumer: KafkaConsumer) -> AsyncIterator[list[Record]]:
    """A member that polls in the background, for the time of the block; what it read."""
    read: list[Record] = []

    async def poll() -> None:
        while True:
            try:
                for records in (await consumer.poll(0.5, 100)).values():
                    read.extend(records)
            except OSError:  # the cluster does not answer: the next poll tries again
                await asyncio.sleep(0.1)

    await consumer.start()
    task = asyncio.create_task(poll())
    try:
        yield read
    finally:
        task.cancel()
        await asyncio.wait([task])
        await consumer.stop()


async def poll_for_ever(consumer: KafkaConsumer) -> None:
    """Bounded."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await consumer.poll(0.2, 10)


def message(topic: str, number: int, partition: int = 0) -> Message:
    """A message whose value is its number."""
    return Message(topic, partition, f"key-{number}", {}, str(number).encode())


async def read_by_a_stranger(servers: str, topic: str, count: int, **options: Any) -> list[Any]:
    """What a client that is not ours finds."""
    client = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest", **options)
    await client.start()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return [await client.getone() for _ in range(count)]
    finally:
        await client.stop()


async def test_every_event_is_a_cloudevent_for_whoever_reads_it_with_the_sdk(
    broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str
) -> None:
    events = [example_event(event) for event in EVENT_TYPES.values()]
    await kafka_bus.publish([Message(kafka_topic, 0, one.key, one.headers(), one.value()) for one in events])

    found = await read_by_a_stranger(broker.servers, kafka_topic, len(events), isolation_level="read_committed")

    for event, record in zip(events, found, strict=True):
        read = from_binary_event(KafkaMessage(dict(record.headers), record.key, record.value))
        assert (read.get_id(), read.get_type(), read.get_source()) == (str(event.id), event.TYPE, event.SOURCE)
        assert (read.get_subject(), read.get_time(), read.get_specversion()) == (event.subject, event.time, "1.0")
        assert read.get_datacontenttype() == "application/json"
        assert read.get_extension("partitionkey") == event.subject == record.key.decode()
        assert read.get_extension("ayniversion") == str(event.version)
        assert read.get_data() == event.data.model_dump(mode="json")


async def test_opening_a_publisher_ends_the_one_before_and_voids_what_it_had_open(kafka_bus: KafkaBus, kafka_topic: str) -> None:
    async with kafka_bus.publisher("relay.test") as first:
        await first([message(kafka_topic, 1)])
        async with kafka_bus.publisher("relay.test") as second:
            with pytest.raises(PublisherFencedError):
                await first([message(kafka_topic, 2)])
            with pytest.raises(RuntimeError, match="opened anew"):
                await first([message(kafka_topic, 3)])
            await second([message(kafka_topic, 4)])

    assert [int(one.value) for one in await browsed(kafka_bus, kafka_topic, 2)] == [1, 4]


async def test_a_batch_is_read_whole_or_not_at_all(broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str) -> None:
    half_sent = AIOKafkaProducer(bootstrap_servers=broker.servers, transactional_id="relay.half")
    await half_sent.start()
    await half_sent.begin_transaction()
    await half_sent.send_and_wait(kafka_topic, b"-1", partition=0)

    async with kafka_bus.publisher("relay.half") as heir:
        await heir([message(kafka_topic, number, number % 2) for number in range(6)])
    await half_sent.stop()

    assert [int(one.value) for one in await browsed(kafka_bus, kafka_topic, 6)] == [0, 2, 4, 1, 3, 5]


async def test_a_publish_is_given_up_in_time_with_its_producer_and_the_next_one_works(
    broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str
) -> None:
    await kafka_bus.publish([message(kafka_topic, 1)])
    await broker.broker(1).kill()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(OSError):  # noqa: PT011 - whichever of its kinds
                await kafka_bus.publish([message(kafka_topic, 2)])
    finally:
        await broker.restart(1)
    await kafka_bus.publish([message(kafka_topic, 3)])

    assert [int(one.value) for one in await browsed(kafka_bus, kafka_topic, 2)] == [1, 3], "a producer that was given up sends nothing late"


async def test_a_consumer_outlives_its_broker_with_one_line_a_change_of_state(
    broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str
) -> None:
    handler = Handler()
    with structlog.testing.capture_logs() as lines:
        async with running(ConsumerLoop(kafka_bus, f"outage.{kafka_topic}", [kafka_topic], handler, dead_letter_topic="none")):
            await kafka_bus.publish([message(kafka_topic, 1)])
            await handler.until(lambda: handler.numbers == [1])
            await broker.broker(1).kill()
            await until_logged(lines, "consumer.bus_lost")
            await broker.restart(1)
            await until_logged(lines, "consumer.bus_found")
            await kafka_bus.publish([message(kafka_topic, 2)])
            await handler.until(lambda: 2 in handler.numbers)

    told = [line["event"] for line in lines if line["event"] in ("consumer.bus_lost", "consumer.bus_found")]
    assert told == ["consumer.bus_lost", "consumer.bus_found"] * (len(told) // 2), "a line a change of state, however often it changes"
    assert len(lines) < 20, "and no storm of the client's"


async def test_a_commit_is_given_up_in_time_and_leaves_no_word_behind(broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str) -> None:
    reports: list[dict[str, Any]] = []
    gc.collect()  # what tests before have left behind is no word of this one
    told = Told()
    consumer = consumer_of(kafka_bus, f"commit.{kafka_topic}", kafka_topic, told)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, report: reports.append(report))
    try:
        async with polling(consumer):
            await told.until(lambda: len(told.owned) == 4)
            await consumer.commit({TopicPartition(kafka_topic, 0): 0})
            await broker.broker(1).kill()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    with pytest.raises(OSError):  # noqa: PT011 - whichever of its kinds
                        await consumer.commit({TopicPartition(kafka_topic, 0): 0})
            finally:
                await broker.restart(1)
        gc.collect()
        await asyncio.to_thread(gc.collect)
    finally:
        loop.set_exception_handler(None)

    assert reports == []


async def silent(**_: Any) -> dict[Any, Any]:
    await asyncio.sleep(0.1)
    return {}


async def test_a_stuck_client_is_replaced_and_reading_goes_on(broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str) -> None:
    handler = Handler()
    watched = KafkaBus(broker.servers, timeouts=KafkaTimeouts(session_seconds=3, rebalance_seconds=10, request_seconds=15))
    loop = ConsumerLoop(watched, f"stuck.{kafka_topic}", [kafka_topic], handler, dead_letter_topic="none", poll_seconds=0.2)
    with structlog.testing.capture_logs() as lines:
        async with running(loop):
            await kafka_bus.publish([message(kafka_topic, 1)])
            await handler.until(lambda: handler.numbers == [1])
            loop._consumer._member.client.getmany = silent  # what it looks like from outside: alive, joined, and mute
            await kafka_bus.publish([message(kafka_topic, 2)])
            await handler.until(lambda: 2 in handler.numbers)

    assert "kafka.consumer_stuck" in [line["event"] for line in lines]


async def test_a_listener_that_takes_longer_than_the_session_keeps_its_partitions(kafka_bus: KafkaBus, kafka_topic: str) -> None:
    slow, other = Told(), Told()
    slow.may_assign.clear()
    group = f"slow.{kafka_topic}"
    await kafka_bus.publish([message(kafka_topic, 1)])
    async with polling(consumer_of(kafka_bus, group, kafka_topic, slow)) as read:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5 * 10):  # kafka_bus has sessions of ten seconds
                await slow.until(lambda: bool(slow.owned))
        assert read == [], "nothing is delivered before the listener is ready"
        slow.may_assign.set()
        await slow.until(lambda: len(slow.owned) == 4)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not read:
                await asyncio.to_thread(len, read)
        async with polling(consumer_of(kafka_bus, group, kafka_topic, other)):
            await other.until(lambda: len(other.owned) == 2)
            await slow.until(lambda: len(slow.owned) == 2)
            assert slow.journal == ["assigned", "revoked", "assigned"], "taken up once, and told in order"

    assert [int(record.value) for record in read][:1] == [1]


async def test_a_listener_that_fails_is_heard_of_by_the_poll_and_asked_again_by_the_next(kafka_bus: KafkaBus, kafka_topic: str) -> None:
    told = Told()
    told.error = ValueError("no market")
    consumer = consumer_of(kafka_bus, f"failing.{kafka_topic}", kafka_topic, told)
    await consumer.start()
    with pytest.raises(ValueError, match="no market"):
        await poll_for_ever(consumer)
    told.error = None
    async with polling(consumer):
        await told.until(lambda: len(told.owned) == 4)


async def test_a_static_member_is_back_within_its_session_without_a_rebalance(broker: KafkaCluster, kafka_topic: str) -> None:
    timeouts = KafkaTimeouts(session_seconds=15, rebalance_seconds=15, request_seconds=20, send_seconds=5)
    group = f"static.{kafka_topic}"
    first, second = Told(), Told()
    one, other = (KafkaBus(broker.servers, name=name, instance=name, timeouts=timeouts) for name in ("member-1", "member-2"))
    async with polling(consumer_of(one, group, kafka_topic, first)):
        async with polling(consumer_of(other, group, kafka_topic, second)):
            await first.until(lambda: len(first.owned) == 2)
            await second.until(lambda: len(second.owned) == 2)
            owned = set(second.owned)
        changes = len(first.journal)
        async with polling(consumer_of(other, group, kafka_topic, second)):
            await second.until(lambda: second.owned == owned)
            assert len(first.journal) == changes


async def test_who_has_read_everything_has_no_lag_although_transactions_leave_their_marks(kafka_bus: KafkaBus, kafka_topic: str) -> None:
    partition = TopicPartition(kafka_topic, 0)
    async with kafka_bus.publisher("relay.lag") as publish:
        for number in range(3):
            await publish([message(kafka_topic, number)])
    told = Told()
    consumer = consumer_of(kafka_bus, f"lag.{kafka_topic}", kafka_topic, told)
    async with polling(consumer) as read:
        await told.until(lambda: len(told.owned) == 4)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(read) < 3 or (await consumer.end_positions([partition]))[partition] != read[-1].position + 1:
                await consumer.end_positions([partition])
        consumer.pause([partition])
        async with kafka_bus.publisher("relay.lag") as publish:
            await publish([message(kafka_topic, 4)])
        async with asyncio.timeout(PATIENCE_SECONDS):  # a transaction that is answered for may not be readable yet
            while (await consumer.end_positions([partition]))[partition] <= read[-1].position + 1:
                pass


async def test_records_that_are_not_ours_are_read_as_they_are(broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str) -> None:
    stranger = AIOKafkaProducer(bootstrap_servers=broker.servers)
    await stranger.start()
    await stranger.send_and_wait(kafka_topic, b"x", key=None, partition=0)
    await stranger.send_and_wait(kafka_topic, None, key=b"\xff\xfe", partition=0, headers=[("h", b"\xff"), ("none", b"")])
    await stranger.stop()

    read = await browsed(kafka_bus, kafka_topic, 2)

    assert [(one.key, one.value, dict(one.headers)) for one in read] == [
        ("", b"x", {}),
        ("\ufffd\ufffd", b"", {"h": "\ufffd", "none": ""}),
    ]


async def test_a_letter_about_the_largest_record_of_a_stranger_fits(broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str) -> None:
    stranger = AIOKafkaProducer(bootstrap_servers=broker.servers)
    await stranger.start()
    await stranger.send_and_wait(kafka_topic, b"x" * 1_048_000, partition=0)
    await stranger.stop()
    dead = f"dead.{kafka_topic}"
    await ensure_topics(broker.servers, [Topic(dead, 1)])

    async def refuse(_: TopicPartition, __: Sequence[Record]) -> None:
        raise ValueError("x" * 5000)

    handled = Handler()
    refusing = ConsumerLoop(kafka_bus, f"large.{kafka_topic}", [kafka_topic], refuse, dead_letter_topic=dead)
    reading = ConsumerLoop(kafka_bus, f"letters.{kafka_topic}", [dead], counting(handled), dead_letter_topic="none")
    async with running(refusing), running(reading):
        await handled.until(lambda: handled.numbers == [1_048_000])


async def test_what_a_topic_lacks_is_waited_for_without_a_storm_until_it_is_made(broker: KafkaCluster, kafka_bus: KafkaBus) -> None:
    topic, handler = f"late.{id(kafka_bus)}", Handler()
    with structlog.testing.capture_logs() as lines:
        async with running(ConsumerLoop(kafka_bus, "late", [topic], handler, dead_letter_topic="none", longest_backoff_seconds=0.5)):
            await until_logged(lines, "consumer.bus_lost")
            await ensure_topics(broker.servers, [Topic(topic, 1)])
            await kafka_bus.publish([message(topic, 1)])
            await handler.until(lambda: handler.numbers == [1])

    told = [line for line in lines if line["event"] in ("consumer.bus_lost", "consumer.bus_found")]
    assert [line["event"] for line in told] == ["consumer.bus_lost", "consumer.bus_found"] * (len(told) // 2)
    assert any("ayni topics apply" in line["cause"] for line in told if line["event"] == "consumer.bus_lost")


def example_event(kind: type[Event]) -> Event:
    """The published example of the type, as an event."""
    headers = {"ce_id": str(new_id()), "ce_time": "2026-11-24T13:00:00Z", "ce_subject": str(new_id()), "ce_ayniversion": "2"}
    return kind.read(headers, json.dumps(example_of(kind)).encode())


def consumer_of(bus: KafkaBus, group: str, topic: str, listener: Listener) -> Any:
    """A member, not started."""
    return bus.consumer(group, [topic], listener)


def counting(handler: Handler) -> Any:
    """Keeps the sizes of the values."""

    async def handle(_: TopicPartition, records: Sequence[Record]) -> None:
        handler.numbers += [len(record.value) for record in records]
        await handler.tell()

    return handle


async def until_logged(lines: list[Any], event: str) -> None:
    """Bounded; looks whenever the loop comes round."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(line["event"] == event for line in lines):
            await asyncio.to_thread(len, lines)
