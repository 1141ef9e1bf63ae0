"""The outbox relay over a real broker, sustained, beside a plain aiokafka producer of the same messages in the same run (bar: 5,000/s)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from contracts.topics import OFFERS, STANDING, STANDING_PARTITIONS
from infra.database import ROLES, prepare_database, role_dsn
from infra.topics import BUS_TOPICS
from kit.bus import partition_of
from kit.bus_kafka import KafkaBus, ensure_topics
from kit.ids import new_id
from kit.outbox import OUTBOX_COLUMNS
from kit.relay import Relay
from tests.bench.report import Row, report

EVENTS, BYTES, KEYS = 30_000, 900, 500
LEAST_SHARE = 0.2
PASSWORD = "bench"
VALUE = b"x" * BYTES
Event = tuple[str, list[tuple[str, int]]]  # its key, and where it goes


@pytest.fixture
async def pool(empty_database: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections of the role that owns the schema `listings`, and its outbox."""
    await prepare_database(empty_database, dict.fromkeys(ROLES, PASSWORD))
    async with asyncpg.create_pool(role_dsn(empty_database, "listings", PASSWORD), min_size=1, max_size=4) as opened:
        yield opened


@pytest.fixture
async def servers(kafka_servers: str) -> str:
    """The broker, with our topics."""
    await ensure_topics(kafka_servers, BUS_TOPICS)
    return kafka_servers


def events(*, is_public: bool) -> list[Event]:
    """Subjects in turn, each in its partition of `ayni.standing`; the public ones in `ayni.offers` as well, as listings says them."""
    keys = [str(new_id()) for _ in range(KEYS)]
    standing = {key: (STANDING, partition_of(key, STANDING_PARTITIONS)) for key in keys}
    return [(key, [standing[key], (OFFERS, 0)] if is_public else [standing[key]]) for key in (keys * (EVENTS // KEYS))]


def headers() -> dict[str, str]:
    """As an event has them."""
    names = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_partitionkey", "ce_ayniversion")
    return {name: str(new_id()) for name in names} | {"content-type": "application/json"}


async def relayed(pool: asyncpg.Pool, servers: str, said: Sequence[Event]) -> float:
    """Events a second, from the first row in the outbox to the last one marked."""
    bus = KafkaBus(servers, name="bench")
    await bus.start()
    rows = [(new_id(), key, json.dumps(headers()), VALUE, json.dumps(routes)) for key, routes in said]
    await pool.execute("delete from outbox")
    begin = time.perf_counter()
    relay = asyncio.create_task(Relay(pool, bus, "listings").run())
    for start in range(0, len(rows), 1000):
        await pool.copy_records_to_table("outbox", records=rows[start : start + 1000], columns=OUTBOX_COLUMNS)
    while await pool.fetchval("select exists (select from outbox where sent_at is null) from pg_sleep(0.01)"):
        pass
    spent = time.perf_counter() - begin
    relay.cancel()
    await asyncio.wait([relay])
    await bus.stop()
    return len(said) / spent


async def plainly_sent(servers: str, said: Sequence[Event]) -> float:
    """The baseline: events a second by send and gather, acknowledged by all, nothing read and nothing marked."""
    encoded = [(name, value.encode()) for name, value in headers().items()]
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True, linger_ms=2) as producer:
        begin = time.perf_counter()
        for start in range(0, len(said), 1000):
            sending = [
                await producer.send(topic, VALUE, key.encode(), partition, headers=encoded)
                for key, routes in said[start : start + 1000]
                for topic, partition in routes
            ]
            await asyncio.gather(*sending)
        return len(said) / (time.perf_counter() - begin)


async def test_the_relay_sustains_five_thousand_events_a_second(pool: asyncpg.Pool, servers: str) -> None:
    rows: list[Row] = []
    for name, is_public in (("1 topic", False), ("2 topics", True)):
        said = events(is_public=is_public)
        plain, ours = await plainly_sent(servers, said), await relayed(pool, servers, said)
        common = {"bench": "relay", "n": EVENTS}
        rows.append(common | {"engine": f"aiokafka {name}", "per_second": plain, "note": f"send and gather, {BYTES} bytes"})
        note = "outbox to Kafka, a transaction a batch, fenced; bar 5,000"
        rows.append(common | {"engine": f"relay {name}", "per_second": ours, "note": note, "ratio_to": {"aiokafka": ours / plain}})
        assert ours > LEAST_SHARE * plain, "the machine may be busy, but then for both"
    report(rows)
