"""Publishing and reading: order, exactness, placement, positions."""

from __future__ import annotations

import asyncio

import pytest
from bus_adapters import BusAdapter
from bus_readers import MakeTopic, Reader, message, numbers

from kit.bus import Bus, Message, Topic, TopicMismatchError, TopicPartition, UnknownTopicError, partition_of


async def test_a_partition_is_read_in_publishing_order(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(2)
    for start in range(0, 60, 20):
        await bus.publish([message(topic, number, partition=number % 2) for number in range(start, start + 20)])

    async with Reader(bus, "order", topic, max_records=7) as reader:
        await reader.until(lambda one: len(one.records) == 60)

    for partition in (0, 1):
        assert numbers(record for record in reader.records if record.partition == partition) == list(range(partition, 60, 2))
        positions = [record.position for record in reader.records if record.partition == partition]
        assert positions == sorted(set(positions))


async def test_headers_key_and_bytes_come_back_exactly(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    sent = [
        Message(
            topic,
            0,
            "llave-ñ",
            {"ce_type": "pe.ayni.prueba", "content-type": "application/json", "ñandú": '«á» \\ " \n ❤'},
            bytes(range(256)),
        ),
        Message(topic, 0, "", {}, b""),
    ]
    await bus.publish(sent)

    async with Reader(bus, "exact", topic) as reader:
        await reader.until(lambda one: len(one.records) == 2)

    assert [(record.key, dict(record.headers), record.value) for record in reader.records] == [
        (one.key, dict(one.headers), one.value) for one in sent
    ]
    assert all(record.time.utcoffset() is not None for record in reader.records)


async def test_a_key_goes_to_the_partition_that_kafkas_default_gives_it(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(8)
    await bus.publish([message(topic, number, partition=None, key=f"key-{number % 20}") for number in range(60)])

    async with Reader(bus, "keys", topic) as reader:
        await reader.until(lambda one: len(one.records) == 60)

    assert {(record.key, record.partition) for record in reader.records} == {
        (f"key-{number}", partition_of(f"key-{number}", 8)) for number in range(20)
    }


async def test_one_batch_reaches_several_topics(bus: Bus, make_topic: MakeTopic) -> None:
    first, second = await make_topic(2), await make_topic(3)
    await bus.publish([message(first, 1, 1), message(second, 2, 2), message(first, 3, 1)])

    async with Reader(bus, "several", first, second) as reader:
        await reader.until(lambda one: len(one.records) == 3)

    assert numbers(record for record in reader.records if record.topic == first) == [1, 3]
    assert numbers(record for record in reader.records if record.topic == second) == [2]


async def test_concurrent_publishers_lose_nothing_and_what_was_given_up_never_appears(
    bus: Bus, make_topic: MakeTopic, adapter: BusAdapter
) -> None:
    topic = await make_topic(2)

    async def publisher(number: int) -> None:
        for step in range(10):
            batch = [message(topic, number * 100 + step, partition) for partition in ((0, 1) if number % 2 else (1, 0))]
            if step % 3 == 2:
                await adapter.publish_in_vain(bus, [message(topic, -1, 0), message(topic, -1, 1)])
            await bus.publish(batch)

    async with Reader(bus, "concurrent", topic) as reader, asyncio.TaskGroup() as publishers:
        for number in range(6):
            publishers.create_task(publisher(number))
        await reader.until(lambda one: len(one.records) >= 120)

    assert len(reader.records) == 120
    for partition in (0, 1):
        read = [record for record in reader.records if record.partition == partition]
        assert [one.position for one in read] == sorted({one.position for one in read})
        for number in range(6):
            assert [value for value in numbers(read) if value // 100 == number] == [number * 100 + step for step in range(10)]


async def test_browsing_shows_everything_outside_any_group(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(2)
    await bus.publish([message(topic, number, partition=number % 2) for number in range(1100)])

    seen = [record async for record in bus.browse(topic)]

    assert numbers(seen) == [*range(0, 1100, 2), *range(1, 1100, 2)]
    assert [record async for record in bus.browse(await make_topic(1))] == []


async def test_a_topic_that_was_not_made_is_refused(bus: Bus) -> None:
    with pytest.raises(UnknownTopicError):
        await bus.publish([message("contract.nowhere", 1)])
    with pytest.raises(UnknownTopicError):
        await bus.consumer("nobody", ["contract.nowhere"]).start()
    with pytest.raises(UnknownTopicError):
        _ = [record async for record in bus.browse("contract.nowhere")]


async def test_a_partition_that_does_not_exist_is_refused_with_its_whole_batch(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(2)

    with pytest.raises(UnknownTopicError):
        await bus.publish([message(topic, 1, 0), message(topic, 2, 2)])

    assert [record async for record in bus.browse(topic)] == []


async def test_another_partition_count_is_refused(make_topic: MakeTopic, adapter: BusAdapter) -> None:
    topic = await make_topic(3)
    await adapter.make_topic(Topic(topic, 3))

    with pytest.raises(TopicMismatchError):
        await adapter.make_topic(Topic(topic, 4))


async def test_a_paused_partition_is_silent_until_resumed_while_others_go_on(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(2)
    paused = TopicPartition(topic, 0)
    async with Reader(bus, "pause", topic) as reader:
        await reader.until_owning(2)
        reader.consumer.pause([paused])
        await bus.publish([message(topic, 1, 0), message(topic, 2, 1)])
        await reader.until(lambda one: len(one.records) == 1)
        await bus.publish([message(topic, 3, 1)])
        await reader.until(lambda one: len(one.records) == 2)
        assert numbers(reader.records) == [2, 3]

        reader.consumer.resume([paused])
        await reader.until(lambda one: len(one.records) == 3)

    assert numbers(reader.records) == [2, 3, 1]


async def test_seeking_back_reads_again_and_end_positions_say_where_the_log_ends(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(2)
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    await bus.publish([message(topic, number, 0) for number in range(5)])
    async with Reader(bus, "seek", topic) as reader:
        await reader.until(lambda one: len(one.records) == 5)
        reader.consumer.seek(first, reader.records[3].position)
        await reader.until(lambda one: len(one.records) == 7)
        ends = await reader.consumer.end_positions([first, second])

    assert numbers(reader.records) == [0, 1, 2, 3, 4, 3, 4]
    assert ends[first] > reader.records[4].position
    assert ends[second] == 0


async def test_what_is_not_assigned_may_be_paused_resumed_and_sought_in_vain(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    elsewhere = TopicPartition(topic, 7)
    async with Reader(bus, "strange", topic) as reader:
        await reader.until_owning(1)
        reader.consumer.pause([elsewhere])
        reader.consumer.seek(elsewhere, 3)
        reader.consumer.resume([elsewhere])

        assert reader.consumer.assignment() == {TopicPartition(topic, 0)}
