"""Groups: sharing, joining, leaving, being killed, standing still; what is committed and what comes again."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from bus_adapters import BusAdapter
from bus_readers import MakeTopic, Ownership, ProcessMember, Reader, message, numbers

from kit.bus import Bus, CommitFailedError, TopicPartition


async def test_two_members_share_all_partitions(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(6)
    async with Reader(bus, "pair", topic) as one, Reader(bus, "pair", topic) as other:
        await asyncio.gather(one.until_owning(3), other.until_owning(3))
        assert one.changes.owned | other.changes.owned == {TopicPartition(topic, number) for number in range(6)}
        assert one.consumer.assignment() == one.changes.owned

        await bus.publish([message(topic, number, number % 6) for number in range(60)])
        await asyncio.gather(one.until(lambda it: len(it.records) == 30), other.until(lambda it: len(it.records) == 30))

    assert sorted(numbers(one.records + other.records)) == list(range(60))
    assert not {record.partition for record in one.records} & {record.partition for record in other.records}


async def test_a_third_member_gets_its_share_and_everything_is_still_read(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(6)
    async with AsyncExitStack() as members:
        readers = [await members.enter_async_context(Reader(bus, "join", topic)) for _ in range(2)]
        await asyncio.gather(*(reader.until_owning(3) for reader in readers))
        await bus.publish([message(topic, number, number % 6) for number in range(30)])
        readers.append(await members.enter_async_context(Reader(bus, "join", topic)))
        await asyncio.gather(*(reader.until_owning(2) for reader in readers))
        await bus.publish([message(topic, number, number % 6) for number in range(30, 60)])
        await readers[2].until(lambda it: len(set(numbers(it.records)) & set(range(30, 60))) == 10)
        await asyncio.gather(*(reader.until(lambda _: _everything(readers) >= set(range(60))) for reader in readers[:1]))


async def test_a_member_that_leaves_gives_its_partitions_to_the_others(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(4)
    async with Reader(bus, "leave", topic) as stays:
        async with Reader(bus, "leave", topic) as leaves:
            await asyncio.gather(stays.until_owning(2), leaves.until_owning(2))
        assert leaves.changes.owned == set()
        await stays.until_owning(4)
        await bus.publish([message(topic, number, number) for number in range(4)])
        await stays.until(lambda it: len(it.records) == 4)


async def test_a_partition_is_revoked_from_one_before_it_is_assigned_to_another(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(4)
    journal: list[tuple[str, str, frozenset[TopicPartition]]] = []
    async with Reader(bus, "orderly", topic, ownership=Ownership(journal, "first")) as first:
        await first.until_owning(4)
        async with Reader(bus, "orderly", topic, ownership=Ownership(journal, "second")) as second:
            await asyncio.gather(first.until_owning(2), second.until_owning(2))

    owner: dict[TopicPartition, str] = {}
    for name, what, partitions in journal:
        for partition in partitions:
            if what == "assigned":
                assert partition not in owner
                owner[partition] = name
            else:
                assert owner.pop(partition) == name
    assert owner == {}


async def test_more_members_than_partitions_leave_one_waiting(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    async with Reader(bus, "waiting", topic) as first:
        await first.until_owning(1)
        async with Reader(bus, "waiting", topic) as second:
            await bus.publish([message(topic, 1)])
            await first.until(lambda it: len(it.records) + len(second.records) == 1)
            await first.until(lambda _: len(first.changes.owned | second.changes.owned) == 1)


async def test_a_group_goes_on_after_what_it_committed_and_gets_the_rest_again(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    partition = TopicPartition(topic, 0)
    await bus.publish([message(topic, number) for number in range(10)])
    async with Reader(bus, "again", topic, commits=False) as first:
        await first.until(lambda it: len(it.records) == 10)
        await first.consumer.commit({partition: first.records[4].position})

    async with Reader(bus, "again", topic) as second:
        await second.until(lambda it: len(it.records) == 6)
    async with Reader(bus, "again", topic) as third:
        await bus.publish([message(topic, 10)])
        await third.until(lambda it: len(it.records) == 1)

    assert numbers(second.records) == [4, 5, 6, 7, 8, 9]
    assert numbers(third.records) == [10]


async def test_groups_do_not_take_from_each_other(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    await bus.publish([message(topic, number) for number in range(3)])
    async with Reader(bus, "red", topic) as red, Reader(bus, "blue", topic) as blue:
        await asyncio.gather(red.until(lambda it: len(it.records) == 3), blue.until(lambda it: len(it.records) == 3))


async def test_committing_what_is_not_assigned_fails(bus: Bus, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    async with Reader(bus, "strange", topic) as reader:
        await reader.until_owning(1)
        with pytest.raises(CommitFailedError):
            await reader.consumer.commit({TopicPartition(topic, 5): 1})


async def test_a_killed_members_partitions_and_uncommitted_records_go_to_the_others(
    bus: Bus, make_topic: MakeTopic, adapter: BusAdapter
) -> None:
    topic = await make_topic(2)
    await bus.publish([message(topic, number, number % 2) for number in range(10)])
    async with await ProcessMember.start(adapter.specification, "killed", topic) as member:
        assert sum(map(len, (await member.polled()).values())) > 0
        member.kill()
        async with Reader(bus, "killed", topic) as heir:
            await heir.until_owning(2)
            await heir.until(lambda it: len(it.records) == 10)


async def test_a_stalled_member_is_replaced_and_its_commit_fails(bus: Bus, make_topic: MakeTopic, adapter: BusAdapter) -> None:
    topic = await make_topic(1)
    await bus.publish([message(topic, number) for number in range(5)])
    async with await ProcessMember.start(adapter.specification, "stalled", topic) as member:
        assert len((await member.polled())[0]) == 5
        member.stall()
        async with Reader(bus, "stalled", topic) as heir:
            await heir.until(lambda it: len(it.records) == 5)
            member.wake()
            assert await member.commit() == "CommitFailedError"
            await bus.publish([message(topic, 5)])
            await heir.until(lambda it: numbers(it.records) == [0, 1, 2, 3, 4, 5])


async def test_a_living_member_that_works_longer_than_the_session_keeps_its_partitions(
    bus: Bus, make_topic: MakeTopic, adapter: BusAdapter
) -> None:
    topic = await make_topic(1)
    await bus.publish([message(topic, 1)])
    async with await ProcessMember.start(adapter.specification, "slow", topic) as member:
        await member.polled()
        async with Reader(bus, "slow", topic) as other:
            with pytest.raises(TimeoutError):
                await other.changes.until(lambda: bool(other.changes.owned), 2 * adapter.specification["session_timeout_seconds"])
            assert await member.commit() == "committed"


def _everything(readers: list[Reader]) -> set[int]:
    return {number for reader in readers for number in numbers(reader.records)}
