"""What only the PostgreSQL log promises: commit order of positions, loss of the connection, retention, compaction."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import pytest
from kit_shop import TOPIC, Shop

from kit.bus import Message, Record, Topic, TopicPartition
from kit.bus_postgres import PostgresBus, ensure_topics, prune
from kit.ids import new_id
from kit.transient import is_transient
from tests.patience import PATIENCE_SECONDS


class Told:
    """A listener that keeps what it heard."""

    def __init__(self) -> None:
        self.journal: list[tuple[str, frozenset[TopicPartition]]] = []

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.journal.append(("assigned", partitions))

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.journal.append(("revoked", partitions))


def message(number: int, partition: int = 0, topic: str = TOPIC, key: str = "") -> Message:
    """Its value is its number."""
    return Message(topic, partition, key, {}, str(number).encode())


async def test_a_reader_never_sees_a_position_before_a_lower_one_whatever_commits_late_or_rolls_back(
    bus: PostgresBus, pool: asyncpg.Pool
) -> None:
    chance, committed = random.Random(3), 0

    async def writer(seed: int) -> None:
        nonlocal committed
        for number in range(25):
            partitions = random.Random(seed * 100 + number).sample(range(4), 3)
            async with pool.acquire() as connection:
                transaction = connection.transaction()
                await transaction.start()
                await bus.publish([message(number, partition) for partition in partitions], connection=connection)
                await connection.fetch("select pg_sleep($1)", chance.random() * 0.004)
                if chance.random() < 0.3:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    committed += 3

    async def follow() -> list[Record]:
        """Read on from the highest position seen: what appeared below it would be missed."""
        consumer = bus.consumer("follow", [TOPIC])
        await consumer.start()
        seen: list[Record] = []
        while writers or len(seen) < committed:
            for records in (await consumer.poll(0.05, 10)).values():
                seen += records
        await consumer.stop()
        return seen

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        writers = {group.create_task(writer(seed)) for seed in range(6)}
        for task in list(writers):
            task.add_done_callback(writers.discard)
        following = group.create_task(follow())

    seen = following.result()
    assert committed > 200
    assert len(seen) == committed
    for partition in range(4):
        assert [one.position for one in seen if one.partition == partition] == list(range(sum(one.partition == partition for one in seen)))


async def test_a_member_whose_connection_was_cut_is_told_revoked_and_joins_again(bus: PostgresBus, pool: asyncpg.Pool) -> None:
    told = Told()
    consumer = bus.consumer("cut", [TOPIC], told)
    await consumer.start()
    await consumer.poll(0, 10)
    await pool.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'consumer.cut'")
    await bus.publish([message(1)])
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := await consumer.poll(1.0, 10)):
            pass
    await consumer.commit({TopicPartition(TOPIC, 0): 1})
    await consumer.stop()

    everything = frozenset(TopicPartition(TOPIC, number) for number in range(4))
    assert [one.value for one in found[TopicPartition(TOPIC, 0)]] == [b"1"]
    assert told.journal == [("assigned", everything), ("revoked", everything), ("assigned", everything), ("revoked", everything)]
    assert await pool.fetchval("select count(*) from bus.members") == 0


async def test_a_poll_while_the_server_cannot_be_reached_raises_what_passes_by_itself_and_the_next_one_joins(
    shop: Shop, bus: PostgresBus
) -> None:
    async def poll_on() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while consumer.assignment():
                await consumer.poll(0.1, 10)

    admin = await asyncpg.connect(shop.admin)
    database = await admin.fetchval("select current_database()")
    consumer = bus.consumer("down", [TOPIC])
    await consumer.start()
    await consumer.poll(0, 10)
    await admin.execute(f'alter database "{database}" connection limit 0')
    await admin.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'consumer.down'")
    try:
        with pytest.raises(asyncpg.TooManyConnectionsError) as failure:
            await poll_on()
        assert not consumer.assignment()
        assert is_transient(failure.value)
    finally:
        await admin.execute(f'alter database "{database}" connection limit -1')
        await admin.close()
    await consumer.poll(0, 10)
    assert len(consumer.assignment()) == 4
    await consumer.stop()


async def turns(count: int) -> None:
    """The loop does what is ready, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("steps", range(5))
async def test_a_poll_that_is_cancelled_just_as_it_is_woken_ends(bus: PostgresBus, steps: int) -> None:
    """Whatever the loop did in between: a cancellation that is swallowed leaves a loop that nobody can end."""
    consumer = bus.consumer("woken", [TOPIC])
    await consumer.start()
    await consumer.poll(0, 10)
    polling = asyncio.create_task(consumer.poll(PATIENCE_SECONDS, 10))
    await turns(5)  # it waits
    consumer.resume([])
    await turns(steps)
    polling.cancel()
    await asyncio.wait([polling], timeout=3)
    is_cancelled = polling.cancelled()
    polling.cancel()
    await asyncio.wait([polling])
    await consumer.stop()

    assert is_cancelled


async def test_a_dead_members_row_is_forgotten_by_the_living(bus: PostgresBus, owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await owner.execute("insert into bus.members values ('dead', $1, $2, 1, now(), 10)", new_id(), [TOPIC])
    consumer = bus.consumer("dead", [TOPIC])
    await consumer.start()
    await consumer.poll(0, 10)
    assert len(consumer.assignment()) == 4
    assert await pool.fetchval("select count(*) from bus.members") == 1
    await consumer.stop()


async def test_more_partitions_than_a_notice_can_name_still_wake_the_reader(bus: PostgresBus, owner: asyncpg.Connection) -> None:
    await ensure_topics(owner, [Topic("shop.wide", 2500)])
    consumer = bus.consumer("wide", ["shop.wide"])
    await consumer.start()
    await bus.publish([message(number, number, "shop.wide") for number in range(2500)])
    seen: list[Record] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(seen) < 2500:
            for records in (await consumer.poll(1.0, 1000)).values():
                seen += records
    await consumer.stop()
    assert {one.partition for one in seen} == set(range(2500))


async def test_retention_deletes_what_is_old_and_readers_go_on_after_the_gap(bus: PostgresBus, owner: asyncpg.Connection) -> None:
    await ensure_topics(owner, [Topic(TOPIC, 4, retention_hours=24)])
    await bus.publish([message(number) for number in range(6)])
    await owner.execute("update bus.log set time = time - interval '25 hours' where position < 4")

    assert await prune(owner) == 4
    assert [one.position async for one in bus.browse(TOPIC)] == [4, 5]
    consumer = bus.consumer("gap", [TOPIC])
    await consumer.start()
    found = await consumer.poll(1.0, 10)
    await consumer.stop()
    assert [one.position for one in found[TopicPartition(TOPIC, 0)]] == [4, 5]
    await owner.execute("update bus.log set time = time - interval '25 hours'")
    assert await prune(owner) == 2
    await bus.publish([message(6)])
    assert [one.position async for one in bus.browse(TOPIC)] == [6]


async def test_compaction_keeps_the_last_of_every_key_and_everything_young(bus: PostgresBus, owner: asyncpg.Connection) -> None:
    await ensure_topics(owner, [Topic(TOPIC, 4, retention_hours=24, is_compacted=True)])
    await bus.publish([message(number, key=key) for number, key in enumerate("aabab")])
    await bus.publish([message(7, partition=1, key="a")])
    await owner.execute("update bus.log set time = time - interval '25 hours' where position <> 2")

    assert await prune(owner) == 2
    assert [int(one.value) async for one in bus.browse(TOPIC)] == [2, 3, 4, 7]
