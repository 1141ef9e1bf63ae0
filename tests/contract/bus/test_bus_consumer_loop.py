"""The consumer loop over each bus: poison, transient errors, lost partitions, dead letters and their replay."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from bus_readers import Changes, MakeTopic, Ownership, Reader, message, numbers

from kit.bus import Bus, Record, TopicPartition
from kit.consumer import ConsumerLoop, FencedError, TransientError
from kit.dead_letters import dead_letters, replay, show
from tests.loops import running


class Handler(Changes):
    """Handles what it is given, but for the numbers that it was told to fail at."""

    def __init__(self) -> None:
        super().__init__()
        self.handled: list[Record] = []
        self.calls: list[list[int]] = []
        self.failing: dict[int, Exception] = {}

    async def __call__(self, _: TopicPartition, records: Sequence[Record]) -> None:
        self.calls.append(numbers(records))
        await self.tell()
        for record in records:
            if error := self.failing.get(int(record.value)):
                raise error
        self.handled += records
        await self.tell()

    async def until_handled(self, *wanted: int) -> None:
        """Just these, in this order."""
        await self.until(lambda: numbers(self.handled) == list(wanted))


async def test_what_was_handled_is_committed(bus: Bus, make_topic: MakeTopic) -> None:
    topic, dead, handler = await make_topic(1), await make_topic(1), Handler()
    await bus.publish([message(topic, number) for number in range(5)])
    async with running(ConsumerLoop(bus, "loop", [topic], handler, dead_letter_topic=dead, drain_seconds=60)):
        await handler.until_handled(0, 1, 2, 3, 4)

    async with Reader(bus, "loop", topic) as reader:
        await bus.publish([message(topic, 5)])
        await reader.until(lambda it: len(it.records) == 1)

    assert numbers(reader.records) == [5]


async def test_a_loop_that_is_ended_finishes_and_commits_the_batch_in_hand(bus: Bus, make_topic: MakeTopic) -> None:
    topic, dead = await make_topic(1), await make_topic(1)
    entered, may_finish = asyncio.Event(), asyncio.Event()

    async def handle(_: TopicPartition, records: Sequence[Record]) -> None:
        entered.set()
        await may_finish.wait()

    await bus.publish([message(topic, 1)])
    task = asyncio.create_task(ConsumerLoop(bus, "drain", [topic], handle, dead_letter_topic=dead, drain_seconds=60).run())
    await entered.wait()
    task.cancel()
    may_finish.set()
    await asyncio.wait([task])
    await bus.publish([message(topic, 2)])

    async with Reader(bus, "drain", topic) as reader:
        await reader.until(lambda it: len(it.records) == 1)
    assert numbers(reader.records) == [2]


async def test_a_handler_that_does_not_end_is_cancelled_and_its_records_come_again(bus: Bus, make_topic: MakeTopic) -> None:
    topic, dead = await make_topic(1), await make_topic(1)
    entered = asyncio.Event()

    async def handle(_: TopicPartition, records: Sequence[Record]) -> None:
        entered.set()
        await asyncio.Event().wait()

    await bus.publish([message(topic, 1)])
    task = asyncio.create_task(ConsumerLoop(bus, "endless", [topic], handle, dead_letter_topic=dead, drain_seconds=0.1).run())
    await entered.wait()
    task.cancel()
    await asyncio.wait([task])

    async with Reader(bus, "endless", topic) as reader:
        await reader.until(lambda it: len(it.records) == 1)
    assert numbers(reader.records) == [1]


async def test_poison_goes_to_the_dead_letters_with_its_cause_and_the_next_is_taken(bus: Bus, make_topic: MakeTopic) -> None:
    topic, dead, handler = await make_topic(2), await make_topic(1), Handler()
    handler.failing[2] = ValueError("no such material \0")
    await bus.publish([message(topic, number, 1) for number in range(5)])

    async with running(ConsumerLoop(bus, "poison", [topic], handler, dead_letter_topic=dead)):
        await handler.until_handled(0, 1, 3, 4)

    letters = [one async for one in dead_letters(bus, dead)]
    assert [(one.value, one.key, one.headers) for one in letters] == [(b"2", "key-2", {"ce_id": "2"})]
    assert (letters[0].source_topic, letters[0].source_partition, letters[0].consumer) == (topic, 1, "poison")
    assert letters[0].cause.startswith("ValueError: no such material")
    assert sum(call == [2] for call in handler.calls) == 3
    assert await show(bus, dead, letters[0].position) == letters[0]


async def test_a_replayed_dead_letter_comes_back_to_its_partition_as_it_was(bus: Bus, make_topic: MakeTopic) -> None:
    topic, dead, handler = await make_topic(3), await make_topic(1), Handler()
    handler.failing[1] = ValueError("not today")
    async with running(ConsumerLoop(bus, "replay", [topic], handler, dead_letter_topic=dead)):
        await bus.publish([message(topic, 1, 2), message(topic, 2, 2)])
        await handler.until_handled(2)
        handler.failing.clear()
        letters = [one async for one in dead_letters(bus, dead)]
        assert await replay(bus, letters) == 1
        await handler.until_handled(2, 1)

    again = handler.handled[1]
    assert (again.partition, again.key, dict(again.headers), again.value) == (2, "key-1", {"ce_id": "1"}, b"1")


async def test_a_dead_letter_that_is_not_there_is_a_lookup_error(bus: Bus, make_topic: MakeTopic) -> None:
    with pytest.raises(LookupError):
        await show(bus, await make_topic(1), 3)


@pytest.mark.parametrize(
    "error", [TransientError("soon"), ConnectionResetError("cut"), TimeoutError("late")], ids=lambda it: type(it).__name__
)
async def test_a_transient_error_holds_only_its_partition_back_and_is_retried(bus: Bus, make_topic: MakeTopic, error: Exception) -> None:
    topic, dead, handler = await make_topic(2), await make_topic(1), Handler()
    handler.failing[1] = error
    async with running(ConsumerLoop(bus, "transient", [topic], handler, dead_letter_topic=dead, longest_backoff_seconds=0.2)):
        await bus.publish([message(topic, 1, 0), message(topic, 2, 0)])
        await handler.until(lambda: len(handler.calls) >= 2)
        await bus.publish([message(topic, 3, 1)])
        await handler.until_handled(3)
        await handler.until(lambda: sum(call[0] == 1 for call in handler.calls) > 5)
        handler.failing.clear()
        await handler.until_handled(3, 1, 2)

    assert [one async for one in dead_letters(bus, dead)] == []


async def test_a_transient_error_in_the_middle_does_not_repeat_what_went_before(bus: Bus, make_topic: MakeTopic) -> None:
    topic, dead, handler = await make_topic(1), await make_topic(1), Handler()
    handler.failing |= {1: ValueError("poison"), 3: TransientError("soon")}
    await bus.publish([message(topic, number) for number in range(5)])
    async with running(ConsumerLoop(bus, "middle", [topic], handler, dead_letter_topic=dead, longest_backoff_seconds=0.2)):
        await handler.until(lambda: numbers(handler.handled) == [0, 2])
        await handler.until(lambda: sum(call[0] == 3 for call in handler.calls) > 2)
        handler.failing.clear()
        await handler.until_handled(0, 2, 3, 4)


async def test_a_fenced_batch_is_dropped_without_commit_and_taken_up_anew_where_it_is_still_ours(bus: Bus, make_topic: MakeTopic) -> None:
    topic, dead, handler, ownership = await make_topic(1), await make_topic(1), Handler(), Ownership()
    handler.failing[1] = FencedError("another epoch")
    partition = frozenset([TopicPartition(topic, 0)])
    loop = ConsumerLoop(bus, "fenced", [topic], handler, listener=ownership, dead_letter_topic=dead)
    async with running(loop):
        await bus.publish([message(topic, 1)])
        await ownership.until(lambda: len(ownership.journal) >= 3)
        handler.failing.clear()
        await handler.until_handled(1)

    assert [(what, which) for _, what, which in ownership.journal[:3]] == [
        ("assigned", partition),
        ("revoked", partition),
        ("assigned", partition),
    ]
    assert [one async for one in dead_letters(bus, dead)] == []


async def test_a_listener_that_is_not_ready_for_a_transient_reason_is_asked_again_before_any_record(
    bus: Bus, make_topic: MakeTopic
) -> None:
    topic, dead, handler = await make_topic(1), await make_topic(1), Handler()
    await bus.publish([message(topic, 1)])

    class Slow(Ownership):
        async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
            assert handler.calls == []
            self.journal.append(("", "tried", partitions))
            if len(self.journal) < 3:
                raise ConnectionResetError("the database restarts")
            await super().assigned(partitions)

    slow = Slow()
    async with running(ConsumerLoop(bus, "slow", [topic], handler, listener=slow, dead_letter_topic=dead, longest_backoff_seconds=0.2)):
        await handler.until_handled(1)

    assert [what for _, what, _ in slow.journal[:4]] == ["tried", "tried", "tried", "assigned"]


async def test_a_partition_is_not_revoked_before_the_batch_in_hand_is_committed(bus: Bus, make_topic: MakeTopic) -> None:
    topic, dead = await make_topic(2), await make_topic(1)
    entered, may_finish, events = asyncio.Event(), asyncio.Event(), []

    async def handle(_: TopicPartition, records: Sequence[Record]) -> None:
        events.append("begun")
        entered.set()
        await may_finish.wait()
        events.append("done")

    class Journal(Ownership):
        async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
            events.append("revoked")
            await super().revoked(partitions)

    await bus.publish([message(topic, 1, 0)])
    async with running(ConsumerLoop(bus, "drain", [topic], handle, listener=Journal(), dead_letter_topic=dead)):
        await entered.wait()
        async with Reader(bus, "drain", topic) as other:
            may_finish.set()
            await other.until_owning(1)
            await bus.publish([message(topic, 2, 0), message(topic, 2, 1)])
            await other.until(lambda it: len(it.records) >= 1)

    assert events[:2] == ["begun", "done"]
    assert numbers(other.records).count(1) == 0
