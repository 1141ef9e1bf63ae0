"""The relay over Kafka, which joins no transaction: nothing is lost, no old version lands last, whatever stalls, is doubled or killed."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest
import structlog
from kit_shop import Shop, Sold, by_key, relay_process, say

from infra.kafka import KafkaCluster
from kit.bus import Bus, Message, Publish, PublisherFencedError
from kit.bus_kafka import KafkaBus
from kit.outbox import Route
from kit.relay import Relay
from tests.browsing import browsed
from tests.loops import running
from tests.patience import PATIENCE_SECONDS

Pool = asyncpg.Pool


async def sent(pool: Pool, count: int) -> None:
    """Wait until so many rows are marked."""
    await until(pool, lambda marked: marked >= count)


async def until(pool: Pool, is_so: Callable[[int], bool]) -> None:
    """Wait for what may depend on how many rows are marked; bounded. The server does the pausing."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so(await pool.fetchval("select count(sent_at) from pg_sleep(0.02), outbox")):
            pass


async def everything(bus: Bus, topic: str, count: int) -> dict[str, list[int]]:
    """The numbers of each key in the order of the log, once so many are in it."""
    return by_key(await browsed(bus, topic, count))


def first_times(numbers: Sequence[int]) -> list[int]:
    """Without what comes again."""
    return list(dict.fromkeys(numbers))


class HeldBus:
    """A bus whose publishers stand still, with the rows they have read in hand, until they are let go."""

    joins_transactions = False

    def __init__(self, bus: KafkaBus, *, is_fenced: bool) -> None:
        self._bus, self._is_fenced = bus, is_fenced
        self.has_rows, self.may_go = asyncio.Event(), asyncio.Event()
        self.outcome: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def publisher(self, name: str) -> AsyncIterator[Publish]:
        """As the bus's own, or, as the control, one that nobody fences."""

        async def held(batch: Sequence[Message], *, connection: asyncpg.Connection | None = None) -> None:
            self.has_rows.set()
            await self.may_go.wait()
            try:
                await publish(batch)
            except Exception as error:
                self.outcome.set_result(error)
                raise
            self.outcome.set_result(None)

        async with self._bus.publisher(name) as fenced:
            publish = fenced if self._is_fenced else self._bus.publish
            yield held


@pytest.mark.parametrize("is_fenced", [True, False], ids=["fenced", "control"])
async def test_a_relay_that_stood_still_with_rows_in_hand_publishes_none_of_them_when_it_wakes(
    kafka_bus: KafkaBus, kafka_topic: str, pool: Pool, is_fenced: bool
) -> None:
    held = HeldBus(kafka_bus, is_fenced=is_fenced)
    stalled = Relay(pool, held, "shop", publish_seconds=60, stalled_seconds=61)  # what stands still runs no time-outs of its own
    await say(pool, Sold("a", 1), routes=[Route(kafka_topic)])
    async with running(stalled):
        await asyncio.wait_for(held.has_rows.wait(), PATIENCE_SECONDS)
        await say(pool, Sold("a", 2), routes=[Route(kafka_topic)])
        async with running(Relay(pool, kafka_bus, "shop", stalled_seconds=8.0, publish_seconds=7.9, poll_seconds=0.2)):
            await sent(pool, 2)
            held.may_go.set()
            outcome = await asyncio.wait_for(held.outcome, PATIENCE_SECONDS)

    log = (await everything(kafka_bus, kafka_topic, 2 if is_fenced else 3))["a"]
    assert first_times(log) == [1, 2]
    if is_fenced:
        assert isinstance(outcome, PublisherFencedError)
        assert log[-1] == 2
    else:
        assert log[-1] == 1, "without the fence the old version lands last"


async def test_a_stopped_relay_process_is_replaced_and_publishes_nothing_when_it_goes_on(
    shop: Shop, broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str, pool: Pool
) -> None:
    async with relay_process(shop, broker.servers, stalled_seconds=8.0) as stalled:
        await say(pool, Sold("a", 0), routes=[Route(kafka_topic)])
        await sent(pool, 1)
        stalled.send_signal(signal.SIGSTOP)
        await say(pool, *(Sold("a", number) for number in range(1, 50)), routes=[Route(kafka_topic)])
        async with running(Relay(pool, kafka_bus, "shop", stalled_seconds=8.0, publish_seconds=7.9, poll_seconds=0.2)):
            await sent(pool, 50)
            stalled.send_signal(signal.SIGCONT)
            await say(pool, Sold("a", 50), routes=[Route(kafka_topic)])
            await sent(pool, 51)

    numbers = (await everything(kafka_bus, kafka_topic, 51))["a"]
    assert first_times(numbers) == list(range(51))
    assert numbers[-1] == 50


async def test_relays_killed_at_random_points_lose_nothing_and_never_go_back(
    shop: Shop, broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str, pool: Pool
) -> None:
    chance = random.Random(7)
    keys, steps, kills = 4, 150, 3

    async def writer(key: str) -> None:
        for number in range(0, steps, 3):
            await say(pool, *(Sold(key, number + more) for more in range(3)), routes=[Route(kafka_topic)])

    async with asyncio.TaskGroup() as writers:
        for key in range(keys):
            writers.create_task(writer(f"key-{key}"))
        for kill in range(kills):
            async with relay_process(shop, broker.servers):
                await sent(pool, int((kill + chance.random()) / kills * keys * steps))
    async with running(Relay(pool, kafka_bus, "shop")):
        await sent(pool, keys * steps)

    log = await everything(kafka_bus, kafka_topic, keys * steps)
    assert {key: first_times(numbers) for key, numbers in log.items()} == {f"key-{key}": list(range(steps)) for key in range(keys)}
    assert all(numbers[-1] == steps - 1 for numbers in log.values()), "what came again came before what is newer"


async def test_two_relays_at_once_keep_order_and_double_nothing(
    shop: Shop, broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str, pool: Pool
) -> None:
    async with relay_process(shop, broker.servers), running(Relay(pool, kafka_bus, "shop", batch_size=20)):
        for start in range(0, 300, 50):
            await say(pool, *(Sold("a", number) for number in range(start, start + 50)), routes=[Route(kafka_topic)])
            await sent(pool, start + 50)

    assert (await everything(kafka_bus, kafka_topic, 300))["a"] == list(range(300))


async def test_a_broker_killed_under_load_loses_nothing_and_the_backlog_drains_with_one_line_a_change_of_state(
    broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str, pool: Pool
) -> None:
    keys, steps = 4, 200
    failed = asyncio.Event()

    async def writer(key: str) -> None:
        for number in range(steps):
            await say(pool, Sold(key, number), routes=[Route(kafka_topic)])
            if number == steps // 2:
                await failed.wait()

    with structlog.testing.capture_logs() as lines:
        async with running(Relay(pool, kafka_bus, "shop", batch_size=20)), asyncio.TaskGroup() as load:
            for key in range(keys):
                load.create_task(writer(f"key-{key}"))
            await sent(pool, steps)
            await broker.broker(1).kill()
            await say(pool, Sold("late", 0), routes=[Route(kafka_topic)])  # so that the relay has something to fail with
            await until(pool, lambda _: any(line["event"] == "relay.failing" for line in lines))
            failed.set()
            await broker.restart(1)
            await sent(pool, keys * steps + 1)

    log = await everything(kafka_bus, kafka_topic, keys * steps + 1)
    assert log.pop("late")
    assert {key: first_times(numbers) for key, numbers in log.items()} == {f"key-{key}": list(range(steps)) for key in range(keys)}
    assert all(numbers[-1] == steps - 1 for numbers in log.values())
    told = [line["event"] for line in lines if line["event"] in ("relay.failing", "relay.recovered")]
    assert told == ["relay.failing", "relay.recovered"] * (len(told) // 2), "a line a change of state, however often it changes"


async def test_what_was_said_while_no_broker_answered_is_published_when_one_does(
    broker: KafkaCluster, kafka_bus: KafkaBus, kafka_topic: str, pool: Pool
) -> None:
    await broker.broker(1).kill()
    late = KafkaBus(broker.servers)
    await late.start()
    await say(pool, *(Sold("a", number) for number in range(1200)), routes=[Route(kafka_topic)])
    async with running(Relay(pool, late, "shop")):
        await broker.restart(1)
        await sent(pool, 1200)
    await late.stop()

    assert first_times((await everything(kafka_bus, kafka_topic, 1200))["a"]) == list(range(1200))
