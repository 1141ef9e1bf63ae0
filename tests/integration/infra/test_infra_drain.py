"""How a process of its own ends: who still comes is served, who waits is told, what is in hand is finished, and it is over in time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from infra.distributed.door import listener_of, opened
from infra.distributed.parts import Process
from infra.distributed.settings import DoorSettings
from infra.embedded.process import until
from kit.forwarding import PartRequest
from kit.forwarding_http import EndedByCaller, HttpPart
from tests.patience import PATIENCE_SECONDS

CALLERS = 8
POST = PartRequest("POST", "/", body=b"{}")


@dataclass
class Shop:
    """A part whose calls end when they are let, or released; `served` counts."""

    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    served: int = 0

    def process(self) -> Process:
        app = FastAPI()
        app.add_api_route("/", self._quick, methods=["POST"])
        app.add_api_route("/slow", self._slow)
        app.add_api_route("/stream", self._stream)
        app.add_api_route("/readyz", lambda: "ready")
        return Process("shop", app, EndedByCaller(app), release=self.released.set)

    async def _quick(self) -> int:
        await asyncio.sleep(0)
        self.served += 1
        return self.served

    async def _slow(self) -> str:
        self.begun.set()
        await self.may_end.wait()
        return "done"

    async def _stream(self) -> StreamingResponse:
        async def told() -> AsyncIterator[bytes]:
            yield b": hello\n\n"
            await self.released.wait()
            yield b"retry: 1\n\n"

        return StreamingResponse(told())


@asynccontextmanager
async def served(shop: Shop, listener: socket.socket, **settings: Any) -> AsyncIterator[Callable[[], Any]]:
    """Gives what closes it, before the block does."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(opened(shop.process(), listener, DoorSettings(port=0, **settings)))
        yield stack.aclose


@pytest.fixture
def listener() -> socket.socket:
    return listener_of(DoorSettings(port=0), None)


def url_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_part_that_is_replaced_in_the_middle_of_a_load_fails_no_call(listener: socket.socket) -> None:
    """Writes without a key, which nobody may send twice."""
    shop, port, is_over = Shop(), listener.getsockname()[1], asyncio.Event()
    answers: list[int] = []

    async def caller(part: HttpPart) -> None:
        while not is_over.is_set():
            answer = await part.call(POST)
            await answer.read()
            answers.append(answer.status)

    async with HttpPart([url_of(listener)]) as part, asyncio.TaskGroup() as callers:
        async with served(shop, listener):
            for _ in range(CALLERS):
                callers.create_task(caller(part))
            assert await until(lambda: shop.served > 50, PATIENCE_SECONDS)
        before = shop.served
        async with served(shop, listener_of(DoorSettings(port=port), None), notice_seconds=0):
            assert await until(lambda: shop.served > before + 50, PATIENCE_SECONDS)
            is_over.set()

    assert set(answers) == {200}
    assert len(answers) == shop.served


async def test_a_socket_that_its_supervisor_keeps_loses_nobody_between_two_processes(listener: socket.socket) -> None:
    shop = Shop()
    async with HttpPart([url_of(listener)], patience_seconds=0) as part:
        async with served(shop, listener.dup(), notice_seconds=0):
            await (await part.call(POST)).read()
        listener.listen()
        between = asyncio.create_task(part.call(POST))
        async with served(shop, listener.dup(), notice_seconds=0):
            assert (await asyncio.wait_for(between, PATIENCE_SECONDS)).status == 200
    listener.close()


async def test_readiness_fails_first_and_calls_are_still_taken(listener: socket.socket) -> None:
    async with httpx.AsyncClient(base_url=url_of(listener)) as http, served(Shop(), listener, notice_seconds=2) as close:
        assert (await http.get("/readyz")).status_code == 200
        closing = asyncio.create_task(close())
        await asyncio.sleep(0)
        ready = await http.get("/readyz")
        taken = await http.post("/")
        await closing

    assert (ready.status_code, ready.headers["content-type"]) == (503, "application/problem+json")
    assert (taken.status_code, taken.headers["connection"]) == (200, "close")


async def test_what_is_in_hand_is_finished_though_nobody_new_is_taken(listener: socket.socket) -> None:
    shop = Shop()
    async with httpx.AsyncClient(base_url=url_of(listener)) as http, served(shop, listener, notice_seconds=0) as close:
        slow = asyncio.create_task(http.get("/slow"))
        await shop.begun.wait()
        closing = asyncio.create_task(close())
        await shop.released.wait()
        with pytest.raises(httpx.ConnectError):
            await http.post("/")
        assert not slow.done()
        shop.may_end.set()
        assert (await asyncio.wait_for(slow, PATIENCE_SECONDS)).json() == "done"
        await closing


async def test_a_stream_is_told_and_ends(listener: socket.socket) -> None:
    async with httpx.AsyncClient(base_url=url_of(listener)) as http, served(Shop(), listener, notice_seconds=0) as close:
        async with http.stream("GET", "/stream") as answer:
            pieces = answer.aiter_raw()
            await anext(pieces)
            closing = asyncio.create_task(close())
            rest = [piece async for piece in pieces]
        await closing

    assert rest == [b"retry: 1\n\n"]


async def test_what_does_not_come_to_its_end_is_cut_off_with_an_answer(listener: socket.socket) -> None:
    shop = Shop()
    async with httpx.AsyncClient(base_url=url_of(listener)) as http:
        async with served(shop, listener, notice_seconds=0, finish_seconds=0.1):
            slow = asyncio.create_task(http.get("/slow"))
            await shop.begun.wait()
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await slow

    assert (answer.status_code, answer.headers["retry-after"], answer.headers["connection"]) == (503, "1", "close")
