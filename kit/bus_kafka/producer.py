"""Producing within a bound: aiokafka's idempotent producer retries for ever, so one that has not delivered in time is thrown away.

Load-bearing: `discard` ends a producer's own sending as well. One that merely was forgotten would deliver, when the broker is back, what
has long been sent again by its successor.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from kit.bus import Message
from kit.bus_kafka.connection import LARGEST_MESSAGE_BYTES, Connection, translated
from kit.bus_kafka.records import headers_of

LINGER_MS = 2
BATCH_BYTES = 256 * 1024
GOODBYE_SECONDS = 1.0
CANCELS = 4
TRANSACTION_MARGIN_SECONDS = 5.0

Placed = Sequence[tuple[Message, int]]  # each with its partition


async def opened(connection: Connection, transactional_id: str | None = None) -> AIOKafkaProducer:
    """A started producer; with an id, all that another one of this id has not committed is void. Raises OSError, and Kafka's errors."""
    seconds = connection.timeouts.send_seconds
    transactional = {
        "transactional_id": transactional_id,
        "transaction_timeout_ms": int((seconds + TRANSACTION_MARGIN_SECONDS) * 1000),
    }
    producer = AIOKafkaProducer(
        **connection.options(),
        acks="all",
        enable_idempotence=True,
        linger_ms=LINGER_MS,
        max_batch_size=BATCH_BYTES,
        max_request_size=LARGEST_MESSAGE_BYTES,
        **(transactional if transactional_id else {}),
    )
    try:
        async with asyncio.timeout(seconds):
            with translated("Kafka takes no producer"):
                await producer.start()
    except BaseException:
        await discard(producer)
        raise
    return producer


async def deliver(producer: AIOKafkaProducer, batch: Placed) -> None:
    """In order in each partition; returns when the brokers have all of it."""
    sent: list[asyncio.Future[Any]] = []
    try:
        for message, partition in batch:
            sent.append(await producer.send(message.topic, message.value, message.key.encode(), partition, headers=headers_of(message)))
        await asyncio.gather(*sent)
    finally:
        asyncio.gather(*sent, return_exceptions=True)  # each has been heard, so that asyncio reports none as never retrieved


@asynccontextmanager
async def in_time(connection: Connection) -> AsyncIterator[None]:
    """For one publish. Raises TimeoutError, ConnectionError and PublisherFencedError."""
    async with asyncio.timeout(connection.timeouts.send_seconds):
        with translated("Kafka does not take what is published"):
            yield


async def close(producer: AIOKafkaProducer) -> None:
    """With what is still on its way, for a bounded time."""
    with suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await producer.flush()
    await discard(producer)


async def discard(producer: AIOKafkaProducer) -> None:
    """At once, whatever is on its way. Its own `stop` would wait for deliveries that may never be made."""
    sending: asyncio.Task[Any] | None = producer._sender.sender_task
    if sending is not None:
        sending.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await producer.client.close()
    if sending is not None:
        await _ended(sending)
    _hear(producer)
    producer._closed = True


async def _ended(sending: asyncio.Task[Any]) -> None:
    """Asked once, it awaits what it has begun, and a commit may wait for deliveries that are never made; asked again, it ends that too."""
    for _ in range(CANCELS):
        await asyncio.wait([sending], timeout=GOODBYE_SECONDS / CANCELS)
        if sending.done():
            return
        sending.cancel()


def _hear(producer: AIOKafkaProducer) -> None:
    """A producer that was fenced fails futures of its own that nobody awaits, and asyncio would report each as never retrieved."""
    waiters = [batch._drain_waiter for batches in producer._message_accumulator._batches.values() for batch in batches]
    for waiter in (*waiters, producer._txn_manager._transaction_waiter):
        if waiter is not None and waiter.done() and not waiter.cancelled():
            waiter.exception()


async def abort(producer: AIOKafkaProducer) -> None:
    """An open transaction would hold back the readers of its partitions until it times out; where the broker is there, end it."""
    with suppress(TimeoutError, KafkaError, AssertionError):  # its state machine asserts: there may be none that can be aborted
        async with asyncio.timeout(GOODBYE_SECONDS):
            await producer.abort_transaction()
