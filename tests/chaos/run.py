"""One run of the chaos harness: `python -m tests.chaos.run --seconds 60 --seed 7 [--brokers 3] [--owners 2] [--plant MISTAKE]`.

Load under faults, then everything is healed and drained, then the invariants are checked. One JSON line of figures on stdout; exit code 1
where an invariant is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import httpx

from contracts.topics import dead_letters_of
from kit.bus_kafka import KafkaBus
from kit.dead_letters import dead_letters
from kit.running import running
from kit.telemetry import configure_logging
from tests.chaos import check
from tests.chaos.load import Client, Journal, Load
from tests.chaos.nemesis import Nemesis
from tests.chaos.planted import MISTAKES, STALL
from tests.chaos.system import System

LISTS_READ = 400
MOST_CORNERS = 170
AFTERMATH_SECONDS = 6.0
HEALED_SECONDS = 60.0  # nothing hurts any more: what is asked now is answered soon, or never
SERVICES = ("matching", "notifications")


@dataclass(frozen=True, slots=True)
class Plan:
    """drain_seconds: how long what was held up may take to come through once everything runs again."""

    seconds: float = 60
    seed: int = 7
    brokers: int = 1
    owners: int = 2
    corners: int = 12
    plants: frozenset[str] = frozenset()
    drain_seconds: float = 180


class Run:
    """One plan, carried out over a folder of its own."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.system = System(folder, plan.brokers, plan.owners, plan.plants)
        self.journal, self.found = Journal(), check.Findings()

    async def whole(self) -> dict[str, Any]:
        """The figures."""
        try:
            await self.system.start()
            if "inbox_off" in self.plan.plants:
                await self._execute("alter table notifications.feed drop constraint feed_event_once")
            limits = httpx.Limits(max_connections=40)
            async with httpx.AsyncClient(base_url=self.system.gateway, timeout=15, limits=limits) as http:
                load = Load(Client(http, self.journal), self.plan.seed, self.plan.corners, self.plan.seconds + 3 * AFTERMATH_SECONDS)
                nemesis = Nemesis(self.system, self.plan.seed, self.plan.seconds)
                await load.prepare()
                async with running(nemesis.wake_the_stalled()):
                    await self._suffer(load, nemesis)
                    drained = await self._drain(nemesis)
                    lists = await self._check(load, nemesis)
            return await self._figures(nemesis, drained, lists)
        finally:
            await self.system.stop()

    async def _suffer(self, load: Load, nemesis: Nemesis) -> None:
        """Load and faults at once, for as long as planned. The faults end first: what a former owner could still do to those who took over
        shows in what comes afterwards."""
        is_healed, is_over = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run(is_over))
            hurting = group.create_task(nemesis.run(is_healed))
            await asyncio.sleep(self.plan.seconds)
            await nemesis.until_all_kinds_have_come()
            is_healed.set()
            await hurting
            await nemesis.until_all_are_awake()
            await asyncio.sleep(AFTERMATH_SECONDS)
            is_over.set()
        await self.system.until_ready()

    async def _drain(self, nemesis: Nemesis) -> float:
        """Until every effect is there: how many seconds that took. What is not there at the end, the checks will name."""
        begun = monotonic()
        while monotonic() - begun < self.plan.drain_seconds:
            if await self._has_all_arrived() and nemesis.poisoned <= (await self._buried()).keys():
                break
            await asyncio.sleep(1)
        return monotonic() - begun

    async def _has_all_arrived(self) -> bool:
        found = check.Findings()
        await self._with_connection(lambda connection: check.check_nothing_lost(connection, self.journal, found))
        return not found.counts

    async def _check(self, load: Load, nemesis: Nemesis) -> int:
        load.client.patience_seconds = HEALED_SECONDS
        standing = await check.standing_listings(load)

        async def tables(connection: check.Connection) -> None:
            await check.check_nothing_lost(connection, self.journal, self.found)
            await check.check_nothing_doubled(connection, self.journal, self.found)
            await check.check_no_phantoms(connection, self.found)
            await check.check_order(connection, self.found)
            await check.check_quantities(connection, self.journal, self.found)
            await check.check_reader(connection, self.journal, self.found)
            await check.check_told(connection, load, standing, self.found)

        await self._with_connection(tables)
        check.check_dead_letters(await self._buried(), nemesis.poisoned, nemesis.offered_poison, self.found)
        return await check.check_lists(load, standing, self.found, LISTS_READ)

    async def _buried(self) -> Counter[str]:
        """Dead letters by the key of what was buried, of every service."""
        bus = KafkaBus(self.system.servers, name="chaos")
        await bus.start()
        try:
            return Counter([one.key for part in SERVICES async for one in dead_letters(bus, dead_letters_of(part))])
        finally:
            await bus.stop()

    async def _figures(self, nemesis: Nemesis, drained: float, lists: int) -> dict[str, Any]:
        connection = await asyncpg.connect(self.system.dsn)
        try:
            query = "select (select count(*) from listings.outbox) as listings, (select count(*) from matching.outbox) as matching"
            events = await connection.fetchrow(query)
            told = await connection.fetchval("select count(*) from notifications.notices")
        finally:
            await connection.close()
        assert events is not None
        return {
            "seed": self.plan.seed,
            "seconds": self.plan.seconds,
            "brokers": self.plan.brokers,
            "owners": self.plan.owners,
            "plants": sorted(self.plan.plants),
            "events": events["listings"] + events["matching"],
            "matches_told": events["matching"],
            "notices": told,
            "calls": dict(self.journal.outcomes),
            "faults": dict(nemesis.faults),
            "lists_read": lists,
            "drain_seconds": round(drained, 1),
            "broken": dict(self.found.counts),
        }

    async def _execute(self, statement: str) -> None:
        await self._with_connection(lambda connection: connection.execute(statement))

    async def _with_connection(self, work: Any) -> None:
        connection = await asyncpg.connect(self.system.dsn)
        try:
            await work(connection)
        finally:
            await connection.close()


async def carry_out(plan: Plan, folder: Path | None = None) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The figures of a run, and what is broken in words."""
    used = folder or Path(tempfile.mkdtemp(prefix="ayni-chaos-"))
    used.chmod(0o755)
    run = Run(plan, used)
    try:
        return await run.whole(), run.found.words
    finally:
        if folder is None:
            shutil.rmtree(used, ignore_errors=True)


def main(words: Collection[str] | None = None) -> int:
    """For the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--brokers", type=int, default=1)
    parser.add_argument("--owners", type=int, default=2)
    parser.add_argument("--corners", type=int, help="places of the market (default: one for every 2 seconds, 8 at least)")
    parser.add_argument("--drain-seconds", type=float, default=180)
    parser.add_argument("--plant", action="append", default=[], choices=(*MISTAKES, STALL))
    parser.add_argument("--folder", type=Path, help="where everything is kept, logs too (default: a folder that is removed)")
    given = parser.parse_args(words)
    configure_logging("ERROR")
    corners = given.corners or max(8, min(MOST_CORNERS, int(given.seconds / 2)))
    plants = frozenset(given.plant) | {STALL}
    plan = Plan(given.seconds, given.seed, given.brokers, given.owners, corners, plants, given.drain_seconds)
    figures, broken = asyncio.run(carry_out(plan, given.folder))
    for invariant, sentences in broken.items():
        for sentence in sentences:
            sys.stderr.write(f"{invariant}: {sentence}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
