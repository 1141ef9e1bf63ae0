"""The outbox and its relay: nothing said is lost, and order holds, whatever is killed, stalled or doubled (invariants 1 and 3)."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest
from kit_shop import TOPIC, Shop, Sold, by_key, relay_process, say
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from kit.bus import Bus, Message, Publish, Record, UnknownTopicError
from kit.bus_postgres import PostgresBus
from kit.outbox import Route, record
from kit.relay import Relay
from tests.loops import running
from tests.patience import PATIENCE_SECONDS

NEVER_SECONDS = 3600.0
Pool = asyncpg.Pool


async def read(bus: Bus, count: int, group: str = "test") -> list[Record]:
    """The first `count` records that the group gets."""
    consumer = bus.consumer(group, [TOPIC])
    await consumer.start()
    records: list[Record] = []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(records) < count:
                for found in (await consumer.poll(1.0, 500)).values():
                    records += found
    finally:
        await consumer.stop()
    return records


async def everything(bus: Bus) -> list[Record]:
    """All that the topic holds."""
    return [one async for one in bus.browse(TOPIC)]


async def test_an_event_is_published_when_its_transaction_commits_and_wakes_the_relay(shop: Shop, bus: PostgresBus, pool: Pool) -> None:
    engine = create_async_engine(shop.service.replace("postgresql://", "postgresql+asyncpg://"))
    event = Sold("ñ", 7)
    async with running(Relay(pool, bus, "shop", poll_seconds=NEVER_SECONDS)):
        await _until_led(pool)
        async with AsyncSession(engine) as session, session.begin():
            await record(session, event, [Route(TOPIC, 2), Route(TOPIC, 3)])
        records = await read(bus, 2)
    await engine.dispose()

    assert {(one.partition, one.key, one.headers["ce_id"], one.value) for one in records} == {
        (2, "ñ", str(event.id), b"7"),
        (3, "ñ", str(event.id), b"7"),
    }


async def test_a_copied_batch_wakes_the_relay(bus: PostgresBus, pool: Pool) -> None:
    async with running(Relay(pool, bus, "shop", poll_seconds=NEVER_SECONDS)):
        await _until_led(pool)
        await say(pool, Sold("a", 1), Sold("a", 2))
        assert by_key(await read(bus, 2)) == {"a": [1, 2]}


async def test_what_commits_late_with_a_lower_id_is_published_too_and_what_is_rolled_back_never(bus: PostgresBus, pool: Pool) -> None:
    async with running(Relay(pool, bus, "shop", poll_seconds=0.1)), pool.acquire() as slow, pool.acquire() as fast:
        late, vain = slow.transaction(), fast.transaction()
        await late.start()
        await say(slow, Sold("late", 1))
        await vain.start()
        await say(fast, Sold("vain", 1))
        await vain.rollback()
        await say(fast, Sold("early", 1))
        assert by_key(await read(bus, 1, "first")) == {"early": [1]}
        await late.commit()
        await read(bus, 2, "second")

    assert by_key(await everything(bus)) == {"early": [1], "late": [1]}


async def test_a_relay_killed_at_random_points_loses_nothing_doubles_nothing_and_keeps_order(
    shop: Shop, bus: PostgresBus, pool: Pool
) -> None:
    chance = random.Random(7)
    keys, steps, kills, left = 6, 198, 5, list[int]()

    async def writer(key: str) -> None:
        for number in range(0, steps, 3):
            async with pool.acquire() as connection, connection.transaction():
                await say(connection, *(Sold(key, number + more) for more in range(3)))

    async with asyncio.TaskGroup() as group:
        for key in range(keys):
            group.create_task(writer(f"key-{key}"))
        for kill in range(kills):
            enough = (kill + chance.random()) / kills * keys * steps
            async with relay_process(shop):
                await _until(pool, f"select count(*) >= {enough} from outbox where sent_at is not null")  # noqa: S608
            left.append(await pool.fetchval("select count(*) from outbox where sent_at is null"))
    assert any(left), "a relay was killed with work in hand"
    async with running(Relay(pool, bus, "shop")):
        records = await read(bus, keys * steps)

    assert by_key(records) == {f"key-{key}": list(range(steps)) for key in range(keys)}
    assert len(await everything(bus)) == keys * steps


async def test_two_relays_keep_order_and_the_second_takes_over_from_a_killed_one(shop: Shop, bus: PostgresBus, pool: Pool) -> None:
    async with relay_process(shop) as first, relay_process(shop):
        await say(pool, *(Sold("a", number) for number in range(100)))
        await read(bus, 100)
        first.kill()
        await say(pool, *(Sold("a", number) for number in range(100, 200)))
        await read(bus, 200, "again")

    assert by_key(await everything(bus)) == {"a": list(range(200))}


async def test_a_stalled_relay_is_replaced_and_publishes_nothing_when_it_wakes(shop: Shop, bus: PostgresBus, pool: Pool) -> None:
    async with relay_process(shop, stalled_seconds=1.0) as stalled:
        await say(pool, Sold("a", 0))
        await read(bus, 1)
        stalled.send_signal(signal.SIGSTOP)
        await say(pool, *(Sold("a", number) for number in range(1, 50)))
        async with running(Relay(pool, bus, "shop", stalled_seconds=1.0, publish_seconds=0.9, poll_seconds=0.2)):
            await read(bus, 50, "heir")
            stalled.send_signal(signal.SIGCONT)
            await say(pool, Sold("a", 50))
            await read(bus, 51, "after")

    assert by_key(await everything(bus)) == {"a": list(range(51))}


class Unjoined:
    """A bus that cannot join a transaction, and refuses the first times."""

    joins_transactions = False

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.published: list[Message] = []
        self.has_published = asyncio.Event()

    @asynccontextmanager
    async def publisher(self, _: str) -> AsyncIterator[Publish]:
        yield self.publish

    async def publish(self, batch: Sequence[Message], *, connection: asyncpg.Connection) -> None:
        assert not connection.is_in_transaction()
        if self.refusals:
            self.refusals -= 1
            raise ConnectionResetError("no broker")
        self.published += batch
        self.has_published.set()


async def test_with_a_bus_that_joins_no_transaction_rows_are_marked_after_the_acknowledgement(pool: Pool) -> None:
    unjoined = Unjoined(refusals=3)
    await say(pool, Sold("a", 1), Sold("a", 2))
    async with running(Relay(pool, unjoined, "shop")):
        await asyncio.wait_for(unjoined.has_published.wait(), PATIENCE_SECONDS)
        await _until(pool, "select count(*) = 2 from outbox where sent_at is not null")

    assert [one.value for one in unjoined.published] == [b"1", b"2"]


async def test_a_route_to_a_topic_that_is_not_there_keeps_the_row_until_the_topic_is_made(
    bus: PostgresBus, pool: Pool, owner: asyncpg.Connection
) -> None:
    with pytest.raises(UnknownTopicError):
        await bus.publish([Message("shop.later", 0, "", {}, b"")])
    await say(pool, Sold("a", 1), routes=[Route("shop.later")])
    async with running(Relay(pool, bus, "shop")):
        await owner.execute("insert into bus.topics values ('shop.later', 1, null, false)")
        await owner.execute("insert into bus.partitions values ('shop.later', 0)")
        await _until(pool, "select count(*) = 1 from outbox where sent_at is not null")

    assert [one.value async for one in bus.browse("shop.later")] == [b"1"]


async def test_sent_rows_are_pruned_after_their_time_and_unsent_ones_never(bus: PostgresBus, pool: Pool, owner: asyncpg.Connection) -> None:
    await say(pool, Sold("a", 1), Sold("a", 2))
    await owner.execute(
        "update shop.outbox set sent_at = clock_timestamp() - interval '25 hours', created_at = now() - interval '26 hours'"
    )
    await say(pool, Sold("a", 3))
    async with running(Relay(pool, bus, "shop")):
        await _until(pool, "select count(*) = 1 from outbox")

    assert by_key(await everything(bus)) == {"a": [3]}


async def test_a_relay_that_would_pass_for_a_stalled_one_while_it_publishes_is_refused(bus: PostgresBus, pool: Pool) -> None:
    with pytest.raises(ValueError, match="stalled_seconds"):
        Relay(pool, bus, "shop", publish_seconds=20, stalled_seconds=20)


async def _until(pool: Pool, question: str) -> None:
    """Asks again and again; bounded."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await pool.fetchval(question):
            pass


async def _until_led(pool: Pool) -> None:
    """A relay has the lock and listens."""
    await _until(
        pool,
        "select exists (select from pg_locks join pg_stat_activity using (pid)"
        " where locktype = 'advisory' and datname = current_database() and query like '%from outbox%')",
    )
