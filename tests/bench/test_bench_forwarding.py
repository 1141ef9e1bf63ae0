"""What it costs that a part is another process: the same calls made to it directly and through a front, in turns, in one run."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import psutil
import uvloop

from tests.bench.report import Row, report

ROUNDS, ALONE, CALLERS, CALLS = 5, 300, 16, 800
REQUEST = b"GET /v1/offers?limit=4 HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"


@dataclass
class Measured:
    """pid: of who answers. alone: seconds of calls that nobody else made at the time. rates: calls a second of many callers, a round.
    cpu_seconds: what the answering process took for `served` calls; it tells more than rates do where others use the machine, too."""

    pid: int
    port: int
    alone: list[float] = field(default_factory=list)
    crowded: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu_seconds: float = 0
    served: int = 0


@contextmanager
def process(*words: str) -> Iterator[Measured]:
    """One of the bench's processes, not measured yet."""
    command = [sys.executable, "-m", "tests.bench.forwarding", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            yield Measured(started.pid, int(started.stdout.readline()))
        finally:
            started.kill()


async def caller(port: int, calls: int, seconds: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(calls):
        begin = perf_counter()
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        seconds.append(perf_counter() - begin)
    writer.close()


async def measure(one: Measured) -> None:
    await caller(one.port, ALONE, one.alone)
    begin, used = perf_counter(), sum(psutil.Process(one.pid).cpu_times()[:2])
    await asyncio.gather(*(caller(one.port, CALLS // CALLERS, one.crowded) for _ in range(CALLERS)))
    one.rates.append(CALLS / (perf_counter() - begin))
    one.cpu_seconds += sum(psutil.Process(one.pid).cpu_times()[:2]) - used
    one.served += CALLS


def rows_of(engine: str, one: Measured, direct: Measured) -> list[Row]:
    added = (statistics.median(one.alone) - statistics.median(direct.alone)) * 1000
    found = []
    cpu = f"{one.cpu_seconds / one.served * 1e6:.0f} us of its CPU a call"
    for n, seconds, note in ((1, one.alone, f"{added:+.2f} ms"), (CALLERS, one.crowded, cpu)):
        quantiles = statistics.quantiles(seconds, n=100)
        row: Row = {
            "bench": "forwarding",
            "engine": engine,
            "n": n,
            "p50_ms": quantiles[49] * 1000,
            "p99_ms": quantiles[98] * 1000,
            "note": note,
        }
        if n > 1:
            rate = statistics.median(one.rates)
            row |= {"per_second": rate, "ratio_to": {"direct": rate / statistics.median(direct.rates)}}
        found.append(row)
    return found


def test_forwarding_over_http() -> None:
    with (
        process("part") as part,
        process("front", "aiohttp", f"http://127.0.0.1:{part.port}") as ours,
        process("front", "httpx", f"http://127.0.0.1:{part.port}") as httpx,
    ):
        engines = {"direct": part, "aiohttp (ours)": ours, "httpx": httpx}
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            for one in engines.values():
                runner.run(caller(one.port, 100, []))
            for _ in range(ROUNDS):
                for one in engines.values():
                    runner.run(measure(one))
    direct = engines["direct"]
    report([row for engine, one in engines.items() for row in rows_of(engine, one, direct)])

    assert engines["aiohttp (ours)"].cpu_seconds * 2 < engines["httpx"].cpu_seconds
