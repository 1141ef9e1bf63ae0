"""An exchange of two tiny parts, as a process of its own: `tiny_exchange.py PORT VAR`.

The counter counts in the database, within its lifespan; the door counts, and has a live stream that never ends by itself.
TINY_STUBBORN: the counter never stops. TINY_SAMPLE: "load" counts to three as the sample market, "die" is killed at two.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import uvloop
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from infra.commands.excuses import excused
from infra.embedded import exchange
from infra.embedded.composition import Composition, Exchange, Matched, Outward, Part, Secrets
from infra.embedded.settings import ExchangeSettings
from kit.telemetry import configure_logging


async def is_new(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval("select to_regclass('counted')") is None
    finally:
        await connection.close()


async def prepare(dsn: str, secrets: Secrets) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("create table if not exists counted (id int primary key generated always as identity)")
    finally:
        await connection.close()


def build(dsn: str, secrets: Secrets, outward: Outward) -> Exchange:
    @asynccontextmanager
    async def counting(app: FastAPI) -> AsyncIterator[None]:
        pool = app.state.pool = await asyncpg.create_pool(dsn)
        yield
        if os.environ.get("TINY_STUBBORN"):
            await asyncio.Event().wait()
        await pool.close()

    counter, door = FastAPI(lifespan=counting), FastAPI()

    @door.post("/count")
    async def count() -> int:
        return int(await counter.state.pool.fetchval("insert into counted default values returning id"))

    @door.get("/count")
    async def counted() -> int:
        return int(await counter.state.pool.fetchval("select count(*) from counted"))

    @door.get("/stream")
    async def stream() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            while True:
                yield b": still here\n\n"
                await asyncio.sleep(0.2)

        return StreamingResponse(lines(), media_type="text/event-stream")

    return Exchange([Part("counter", counter), Part("door", door)], [], settle, matched)


async def settle() -> None:
    """Nothing here happens later."""


async def matched() -> Sequence[Matched]:
    return [Matched(0.875, "Retazos de algodón", "Trapo industrial", 12.4, 1200)]


async def load_sample(gateway: str) -> None:
    async with httpx.AsyncClient(base_url=gateway) as client:
        while (await client.get("/count")).json() < 3:
            if (await client.post("/count")).json() == 2 and os.environ["TINY_SAMPLE"] == "die":
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    configure_logging()
    settings = ExchangeSettings(port=int(sys.argv[1]), var=Path(sys.argv[2]))
    tiny = Composition(("ayni_owner", "counter"), is_new, prepare, build, load_sample if os.environ.get("TINY_SAMPLE") else None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return excused(lambda: runner.run(exchange.run(settings, tiny)))


if __name__ == "__main__":
    sys.exit(main())
