"""Seconds without matching while every owner is restarted, one after the other, on real Kafka: offers go on coming, and each is timed from
its 201 to the moment when its match can be read.

The baseline beside it is the same load on owners that nobody restarts, in the same run.
"""

from __future__ import annotations

import asyncio
import signal
import statistics
from contextlib import suppress
from pathlib import Path
from time import monotonic

import httpx

from infra.embedded.process import until
from tests.bench.report import Row, report
from tests.chaos.load import Client, Firm, Journal
from tests.chaos.system import System
from tests.e2e.people import offer_body, want_body
from tests.patience import PATIENCE_SECONDS

OWNERS = 2
STEADY_SECONDS = 10.0
SETTLE_SECONDS = 3.0
EVERY_SECONDS = 0.1


class Probe:
    """Publishes offers that fit one want, and notes when each match was seen. seen: (when the offer was taken, seconds until its match)."""

    def __init__(self, holder: Firm, want: str) -> None:
        self.holder, self.want = holder, want
        self.seen: list[tuple[float, float]] = []

    async def run(self) -> None:
        """Until cancelled; those in hand are seen to their end."""
        async with asyncio.TaskGroup() as group:
            with suppress(asyncio.CancelledError):
                while True:
                    group.create_task(self._one())
                    await asyncio.sleep(EVERY_SECONDS)

    async def _one(self) -> None:
        offer = (await self.holder.ask("POST", "/v1/offers", json=offer_body())).json()["id"]
        taken = monotonic()
        path = f"/v1/matches/{offer}.{self.want}"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                with suppress(httpx.HTTPError):
                    if (await self.holder.client.http.get(path, headers=self.holder.headers)).status_code == 200:
                        break
                await asyncio.sleep(0.02)
        self.seen.append((taken, monotonic() - taken))

    def gap(self, begin: float, end: float) -> float:
        """The longest time within the interval in which no match became readable."""
        moments = sorted(taken + seconds for taken, seconds in self.seen if begin <= taken + seconds <= end)
        return max(later - earlier for earlier, later in zip([begin, *moments], [*moments, end], strict=True))


async def restart_owners(system: System) -> None:
    """One after the other, each drained by SIGTERM and started anew."""
    for number in range(1, OWNERS + 1):
        name = f"matching-{number}"
        system.parts.signal(name, signal.SIGTERM)
        assert await until(lambda name=name: not system.parts.is_alive(name), PATIENCE_SECONDS)
        await system.parts.begin(name)
        await asyncio.sleep(SETTLE_SECONDS)


def row(engine: str, seen: list[tuple[float, float]], gap: float) -> Row:
    milliseconds = sorted(seconds * 1000 for _, seconds in seen)
    return {
        "bench": "rolling restart of all owners",
        "engine": engine,
        "n": len(seen),
        "p50_ms": statistics.median(milliseconds),
        "p99_ms": milliseconds[int(len(milliseconds) * 0.99)],
        "note": f"{gap:.2f} s without matching at the longest",
    }


async def test_bench_rolling_restart(server_folder: Path) -> None:
    system = System(server_folder, brokers=1, owners=OWNERS, plants=())
    try:
        await system.start()
        async with httpx.AsyncClient(base_url=system.gateway, timeout=15) as http:
            holder, seeker = (Firm(Client(http, Journal()), kind, (-12.05, -77.03)) for kind in ("firm", "cooperative"))
            await holder.join()
            await seeker.join()
            probe = Probe(holder, (await seeker.ask("POST", "/v1/wants", json=want_body(maximum=None))).json()["id"])
            running = asyncio.create_task(probe.run())
            begun = monotonic()
            await asyncio.sleep(STEADY_SECONDS)
            steady_until = monotonic()
            await restart_owners(system)
            ended = monotonic()
            running.cancel()
            await running
    finally:
        await system.stop()
    steady = [one for one in probe.seen if one[0] < steady_until]
    restarted = [one for one in probe.seen if one[0] >= steady_until]
    report(
        [
            row(f"{OWNERS} owners, nobody restarted", steady, probe.gap(begun + 1, steady_until)),
            row(f"{OWNERS} owners, each restarted", restarted, probe.gap(steady_until, ended)),
        ]
    )
    assert steady, "no match was seen before the restart"
    assert restarted, "no match was seen through the restart"
