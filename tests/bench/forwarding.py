"""The processes of the forwarding bench: a part, and a front that hands every call on to it by one of two clients.

`python -m tests.bench.forwarding part`, `... front aiohttp ADDRESS`, `... front httpx ADDRESS`; each says on which port it serves.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import httpx
import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.forwarding import Forwarder
from gateway.identity import Identified
from infra.distributed.door import listener_of
from infra.distributed.settings import DoorSettings
from infra.embedded.process import end_with_parent
from kit.forwarding import Part, PartAnswer, PartRequest
from kit.forwarding_http import EndedByCaller, HttpPart
from kit.web import create_part

TOKEN = "of-us-only"


class HttpxPart:
    """What most would write: the baseline."""

    def __init__(self, address: str) -> None:
        self.client = httpx.AsyncClient(base_url=address, limits=httpx.Limits(max_connections=64, max_keepalive_connections=64))

    async def call(self, request: PartRequest) -> PartAnswer:
        built = self.client.build_request(request.method, request.path, headers=list(request.headers), content=request.body)
        answer = await self.client.send(built, stream=True)
        return PartAnswer(answer.status_code, answer.headers.raw, self._chunks(answer))

    async def _chunks(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in answer.aiter_raw():
                yield chunk
        finally:
            await answer.aclose()


class Front:
    """The gateway's own forwarding, and nothing else of it."""

    def __init__(self, part: Part) -> None:
        self.forwarder = Forwarder({"listings": part}, TOKEN, deadline_seconds=10, body_seconds=10)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.forwarder.forward(Request(scope, receive), Identified(None))
        await response(scope, receive, send)


class Shown(BaseModel):
    """About what a listing in a list is."""

    id: UUID
    title: str
    price: Decimal
    since: datetime


@asynccontextmanager
async def _no_lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


def a_part() -> ASGIApp:
    """With the edge and the door of a real one; it validates what it is asked, and what it answers."""
    router = APIRouter()
    since = datetime(2026, 11, 24, tzinfo=UTC)
    items = [Shown(id=UUID(int=number), title="Retazos de algodón", price=Decimal(number), since=since) for number in range(4)]

    @router.get("/v1/offers")
    async def offers(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[Shown]:
        return items[:limit]

    return EndedByCaller(create_part("listings", _no_lifespan, [router], TOKEN))


@asynccontextmanager
async def application(words: Sequence[str]) -> AsyncIterator[ASGIApp]:
    match words:
        case ["part"]:
            yield a_part()
        case ["front", "aiohttp", address]:
            async with HttpPart([address]) as part:
                yield Front(part)
        case ["front", "httpx", address]:
            baseline = HttpxPart(address)
            async with baseline.client:
                yield Front(baseline)


async def main(words: Sequence[str]) -> None:
    with listener_of(DoorSettings(port=0), None) as listener:
        async with application(words) as app:
            sys.stdout.write(f"{listener.getsockname()[1]}\n")
            sys.stdout.flush()
            configuration = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
            await uvicorn.Server(configuration).serve(sockets=[listener])


if __name__ == "__main__":
    end_with_parent(signal.SIGKILL)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1:]))
