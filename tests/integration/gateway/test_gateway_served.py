"""What only a real server shows: sockets that are hung up, never read, or fed too much, and the end of a process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from gateway.stream.telling import OPENED
from kit.input import MAX_BODY_BYTES
from tests.integration.gateway.conftest import Open
from tests.patience import PATIENCE_SECONDS
from tests.unit.gateway.doubles import Exchange, bearer, positions_of

EVENTS = 3000


@asynccontextmanager
async def connected(port: int, *lines: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that has sent a request's head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [*lines, "Host: gateway", *(f"{name}: {value}" for name, value in bearer().items()), "", ""]
    writer.write("\r\n".join(head).encode())
    try:
        yield reader, writer
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    return await asyncio.wait_for(reader.readuntil(end), PATIENCE_SECONDS)


def client(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=bearer(), timeout=PATIENCE_SECONDS)


async def test_a_body_that_announces_200_megabytes_is_413_before_it_is_sent(port: int) -> None:
    async with connected(port, "POST /v1/offers HTTP/1.1", "Content-Length: 200000000") as (reader, _):
        head = await until(reader, b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 413 ")


async def test_a_body_without_end_is_413_at_its_limit(port: int) -> None:
    async with connected(port, "POST /v1/offers HTTP/1.1", "Transfer-Encoding: chunked") as (reader, writer):
        for _ in range(MAX_BODY_BYTES // 2**16 + 1):
            writer.write(b"10000\r\n" + b"x" * 2**16 + b"\r\n")
        head = await until(reader, b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 413 ")


async def test_a_caller_who_hangs_up_ends_the_parts_work(exchange: Exchange, port: int) -> None:
    async with connected(port, "GET /v1/hanging HTTP/1.1"):
        await asyncio.wait_for(exchange.market.work.has_begun.wait(), PATIENCE_SECONDS)

    await asyncio.wait_for(exchange.market.work.was_cancelled.wait(), PATIENCE_SECONDS)


async def test_a_part_that_crashes_in_the_middle_is_seen_as_an_answer_without_an_end(port: int) -> None:
    async with client(port) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/v1/crash-in-the-middle")
        assert (await http.get("/v1/offers")).status_code == 200


async def test_joining_is_limited_by_the_sockets_address(port: int) -> None:
    async with client(port) as http:
        statuses = [(await http.post("/v1/organisations", json={})).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


async def heard_of(pieces: AsyncIterator[bytes], count: int) -> bytes:
    """What a stream said until so many events were in it."""
    heard = b""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(positions_of(heard)) < count:
            heard += await anext(pieces)
    return heard


async def test_streams_end_within_a_second_of_the_end_and_resume_elsewhere_without_loss(exchange: Exchange, opened: Open) -> None:
    async with AsyncExitStack() as server, AsyncExitStack() as clients:
        port = await server.enter_async_context(opened(exchange))
        http = await clients.enter_async_context(client(port))
        answer = await clients.enter_async_context(http.stream("GET", "/v1/stream"))
        pieces = answer.aiter_raw()
        await anext(pieces)
        exchange.feed.tell(3)
        heard = await heard_of(pieces, 3)
        async with asyncio.timeout(PATIENCE_SECONDS):
            _, rest = await asyncio.gather(server.aclose(), anext(pieces))
            assert [piece async for piece in pieces] == []

    second = [line for line in heard.decode().splitlines() if line.startswith("id: ")][1].removeprefix("id: ")
    exchange.feed.tell(2)
    successor = Exchange.make()
    successor.feed.entries = exchange.feed.entries
    async with (
        opened(successor) as port,
        client(port) as http,
        http.stream("GET", "/v1/stream", headers={"Last-Event-ID": second}) as answer,
    ):
        told = await heard_of(answer.aiter_raw(), 3)

    assert rest.startswith(b"retry: ")
    assert positions_of(told) == ["subject 3", "subject 4", "subject 5"]


async def test_a_client_that_does_not_read_delays_nobody_and_then_hears_everything(exchange: Exchange, port: int) -> None:
    last = f'"subject":"subject {EVENTS}"'.encode()
    async with connected(port, "GET /v1/stream HTTP/1.1") as (reader, _), client(port) as http:
        await until(reader, OPENED)
        async with http.stream("GET", "/v1/stream") as answer:
            pieces, tail = answer.aiter_raw(), b""
            await anext(pieces)
            exchange.feed.tell(EVENTS)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while last not in tail:
                    tail = tail[-1000:] + await anext(pieces)

        told = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while last not in told[-(2**21) :]:
                told += await reader.read(2**20)

    found = re.findall(rb'"subject":"subject (\d+)"', told)
    assert [int(number) for number in found] == list(range(1, EVENTS + 1))
