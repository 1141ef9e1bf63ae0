"""Invariants 2 to 4 with real processes: clients publish while owners join, leave, are stopped past their session, and are killed. In the
end everything published has been told, and is listed, as the plain reference says; nothing twice."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

import asyncpg
import httpx

from contracts.envelope import read_event
from contracts.listings import DealFact
from contracts.topics import STANDING
from infra.embedded.composition import Part
from infra.embedded.door import bind, served
from infra.embedded.patience import Patience
from tests.integration.matching import matching_process
from tests.integration.matching.neighbours import Member, side_of
from tests.integration.matching.processes import Market
from tests.patience import PATIENCE_SECONDS, until_found
from tests.reference.telling import History
from tests.unit.matching.trading import RULEBOOK, some_history

HOUSE = Path(__file__).parents[3]
SESSION_SECONDS = 3.0
ENOUGH = 50  # tellings, below which a market shows nothing
CLIENTS, MOST = 4, 60
SEED = 7
LOG = "select partition, headers, value from bus.log where topic = $1 order by partition, position"


@dataclass
class Owner:
    """A process of its own."""

    process: Process
    address: str

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> None:
        await asyncio.wait_for(self.process.wait(), PATIENCE_SECONDS)


@dataclass
class Storm:
    """The market, the address of its listings, and who lives."""

    market: Market
    listings: str
    stack: AsyncExitStack
    is_over: asyncio.Event

    async def owner(self) -> Owner:
        given = json.dumps({"dsn": self.market.standing.dsn, "listings": self.listings})
        command = [sys.executable, "-m", matching_process.__name__, given, str(SESSION_SECONDS)]
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=HOUSE)
        self.stack.push_async_callback(_killed, process)
        assert process.stdout is not None
        address = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)).decode().strip()
        assert address, "the process ended before it was ready"
        return Owner(process, address)

    async def owns(self, owner: Owner, *, something: bool) -> None:
        """Waits until the owner has partitions, or none any more, by the table."""
        query = "select count(*) > 0 from partition_owner where address = $1 and is_ready"

        async def does() -> bool:
            return bool(await self.market.standing.pool.fetchval(query, owner.address)) is something

        await until_found(does, f"{owner.address} owns {'something' if something else 'nothing'}", PATIENCE_SECONDS)

    async def client(self, random: Random) -> None:
        """Publishes as listings does, one after another, until the storm is over."""
        for event in some_history(random, MOST):
            if self.is_over.is_set():
                return
            if isinstance(event.data, DealFact):
                numbers = self.market.listings.partitions[event.data.offer_id] & self.market.listings.partitions[event.data.want_id]
                await self.market.standing.publish(event, partitions=numbers)
            else:
                await self.market.publish(event)
            await self.pause(random.uniform(0.2, 0.8))

    async def pause(self, seconds: float) -> None:
        """Less, when the storm is over."""
        try:
            await asyncio.wait_for(self.is_over.wait(), seconds)
        except TimeoutError:
            return

    async def faults(self) -> tuple[Owner, Owner]:
        """Who lives in the end."""
        first, second = await asyncio.gather(self.owner(), self.owner())
        await self.owns(first, something=True)
        await self.owns(second, something=True)
        first.send(signal.SIGSTOP)
        third = await self.owner()
        await self.owns(first, something=False)
        first.send(signal.SIGCONT)
        second.send(signal.SIGKILL)
        await self.owns(second, something=False)
        await self.owns(first, something=True)
        fourth = await self.owner()
        await self.owns(fourth, something=True)
        third.send(signal.SIGTERM)
        await third.ended()
        return first, fourth


async def _killed(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def histories_of(pool: asyncpg.Pool[asyncpg.Record]) -> dict[int, History]:
    """What each partition should have made of what came to it, in the order in which it came."""
    histories: dict[int, History] = {}
    for row in await pool.fetch(LOG, STANDING):
        history = histories.setdefault(row["partition"], History(RULEBOOK, row["partition"]))
        history.hear(read_event(json.loads(row["headers"]), row["value"]))
    return histories


async def enough_told(market: Market) -> None:
    """The faults may be over before much was published."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if (await market.standing.told()).total() > ENOUGH:
                return
            await asyncio.sleep(0.2)


async def test_nothing_is_missed_and_nothing_told_twice_whatever_happens_to_the_owners(market: Market) -> None:
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(bind(0))
        await stack.enter_async_context(served(Part("listings", market.listings.app()), listener, Patience(2)))
        storm = Storm(market, f"http://127.0.0.1:{listener.getsockname()[1]}", stack, asyncio.Event())
        clients = asyncio.gather(*(storm.client(Random(SEED + number)) for number in range(CLIENTS)))
        living = await storm.faults()
        await enough_told(market)
        storm.is_over.set()
        await clients
        await market.standing.handled()

        histories = await histories_of(market.standing.pool)
        told, lapsed = await market.standing.told(), await market.standing.lapsed()
        assert told == sum((history.told for history in histories.values()), start=Counter())
        assert lapsed == sum((history.lapsed for history in histories.values()), start=Counter())
        assert told.total() > ENOUGH, "too thin a market to show anything"
        assert len(await market.standing.pool.fetch("select from partition_owner where epoch > 1 and partition in (0, 56)")) == 2
        for owner in living:
            await assert_lists(market, owner, histories)


async def assert_lists(market: Market, owner: Owner, histories: dict[int, History]) -> None:
    """Every list, asked of this process, is the reference's."""
    async with httpx.AsyncClient(base_url=owner.address, timeout=30) as http:
        for fact in market.listings.facts.values():
            found = await Member(http, fact.organisation_id).pages(limit=50, **{side_of(fact): fact.id})
            expected = [
                one
                for history in histories.values()
                for bucket in history.buckets_of(fact)
                if fact.state == "published"
                for one in history.best(fact, bucket, 1000)
            ]
            expected.sort(key=lambda one: (-round(one[1].score, 10), round(one[1].distance_km, 6), str(one[0])))
            other = "want_id" if side_of(fact) == "offer" else "offer_id"
            assert [UUID(item[other]) for item in found] == [counterpart for counterpart, _ in expected]
