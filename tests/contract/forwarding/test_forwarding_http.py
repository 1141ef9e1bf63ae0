"""What only the way over HTTP can meet: a part that is away, that breaks off, that answers nonsense; and what may never be smuggled in."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from forwarding_adapters import Make, Standing
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from kit.forwarding import AnswerCutOff, PartRequest
from kit.forwarding_http import HttpPart
from kit.problems import BadRequest, Unavailable
from tests.patience import PATIENCE_SECONDS
from tests.unit.gateway.doubles import Work

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
GET, POST = PartRequest("GET", "/"), PartRequest("POST", "/", body=b"{}")


class Scripted:
    """A part that reads a request and says, byte for byte, what the script has next; nothing: it hangs up. asked: what it read."""

    def __init__(self, *script: bytes) -> None:
        self.script, self.asked = list(script), list[bytes]()
        self.answered = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.script.pop(0) if self.script else b"")
        writer.close()
        self.answered.set()


@asynccontextmanager
async def listening(part: Scripted, port: int = 0) -> AsyncIterator[int]:
    server = await asyncio.start_server(part.serve, "127.0.0.1", port)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def calling(*ports: int, **settings: Any) -> AsyncIterator[HttpPart]:
    async with HttpPart([f"http://127.0.0.1:{port}/" for port in ports], **settings) as part:
        yield part


@pytest.fixture
async def nobodys_port() -> int:
    """Connections to it are refused."""
    async with listening(Scripted()) as port:
        return port


@pytest.fixture
async def echo(ports: Mapping[str, Standing]) -> AsyncIterator[HttpPart]:
    """A part that says what it was asked, as its server read it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        lines = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
        target = (scope["raw_path"] + b"?" + scope["query_string"]).decode()
        await JSONResponse({"method": scope["method"], "target": target, "headers": lines, "bytes": len(body)})(scope, receive, send)

    ports["listings"].app = app
    async with HttpPart([ports["listings"].address]) as part:
        yield part


async def said(part: HttpPart, request: PartRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await (await part.call(request)).read())
    return found


async def test_a_part_that_is_away_for_a_moment_costs_the_caller_only_time(nobodys_port: int) -> None:
    async with calling(nobodys_port) as part:
        call = asyncio.create_task(part.call(POST))
        await asyncio.wait({call}, timeout=0.2)
        assert not call.done()
        async with listening(Scripted(OK), nobodys_port):
            assert await (await asyncio.wait_for(call, PATIENCE_SECONDS)).read() == b"hi"


async def test_a_part_that_stays_away_is_503_and_from_then_on_at_once(nobodys_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async with calling(nobodys_port, patience_seconds=0.2) as part:
        with pytest.raises(Unavailable, match="is away"):
            await asyncio.wait_for(part.call(GET), PATIENCE_SECONDS)
        monkeypatch.setattr("kit.forwarding_http.backoff_seconds", lambda *_: pytest.fail("it waits again"))
        with pytest.raises(Unavailable, match="is away"):
            await part.call(GET)


async def test_an_address_where_nobody_is_costs_nothing_while_another_answers(nobodys_port: int) -> None:
    async with listening(Scripted(OK, OK)) as port, calling(nobodys_port, port, patience_seconds=0) as part:
        answers = [await (await part.call(POST)).read() for _ in range(2)]

    assert answers == [b"hi", b"hi"]


async def test_addresses_take_turns() -> None:
    first, second = Scripted(OK, OK), Scripted(OK, OK)
    async with listening(first) as one, listening(second) as other, calling(one, other) as part:
        for _ in range(4):
            await (await part.call(GET)).read()

    assert (len(first.asked), len(second.asked)) == (2, 2)


async def test_a_write_that_broke_off_is_never_sent_twice() -> None:
    broken = Scripted()
    async with listening(broken) as port, calling(port) as part:
        with pytest.raises(Unavailable, match="broke off before it answered"):
            await part.call(POST)

    assert len(broken.asked) == 1


@pytest.mark.parametrize(
    "request_", [GET, PartRequest("POST", "/", headers=[(b"Idempotency-Key", b"once")], body=b"{}")], ids=["a read", "a write with a key"]
)
async def test_what_is_harmless_when_repeated_is_repeated(request_: PartRequest) -> None:
    broken = Scripted(b"", OK)
    async with listening(broken) as port, calling(port) as part:
        assert await (await part.call(request_)).read() == b"hi"

    assert len(broken.asked) == 2


async def test_repeating_ends_some_time() -> None:
    async with listening(Scripted()) as port, calling(port) as part:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(part.call(GET), PATIENCE_SECONDS)


async def test_an_answer_that_ends_too_early_is_seen_to() -> None:
    async with listening(Scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")) as port, calling(port) as part:
        answer = await part.call(GET)
        with pytest.raises(AnswerCutOff):
            [chunk async for chunk in answer.chunks]


async def test_a_whole_answer_that_ends_too_early_is_503() -> None:
    async with listening(Scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")) as port, calling(port) as part:
        answer = await part.call(GET)
        with pytest.raises(Unavailable, match="in the middle"):
            await answer.read()


@pytest.mark.parametrize(
    "nonsense", [b"\x00\x01\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 2**18 + b"\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"]
)
async def test_an_answer_that_cannot_be_read_is_503(nonsense: bytes) -> None:
    async with listening(Scripted(*[nonsense] * 4)) as port, calling(port) as part:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(part.call(POST), PATIENCE_SECONDS)


async def test_more_calls_than_there_are_places_wait_their_turn_no_longer_than_their_deadline(ports: Mapping[str, Standing]) -> None:
    work = Work()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await work()
        await Response("done")(scope, receive, send)

    ports["listings"].app = slow
    async with HttpPart([ports["listings"].address], calls_at_once=1) as part:
        first = asyncio.create_task(part.call(GET))
        await asyncio.wait_for(work.has_begun.wait(), PATIENCE_SECONDS)
        with pytest.raises(Unavailable, match="too long"):
            await part.call(PartRequest("GET", "/", deadline_seconds=0.1))
        work.may_go_on.set()
        assert await (await first).read() == b"done"


async def test_a_slow_reader_takes_nobodys_place(ports: Mapping[str, Standing]) -> None:
    work = Work()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def told() -> AsyncIterator[bytes]:
            yield b"first"
            await work()

        await StreamingResponse(told())(scope, receive, send)

    ports["listings"].app = app
    async with HttpPart([ports["listings"].address], calls_at_once=1) as part:
        readers = [await asyncio.wait_for(part.call(GET), PATIENCE_SECONDS) for _ in range(3)]
        assert [await anext(reader.chunks) for reader in readers] == [b"first"] * 3


@pytest.mark.parametrize(
    "target",
    ["/v1/a%2Fb%20c?x=%25&y=a+b&z='(1)'", "/v1/%C3%B1?q=%u00e9", "/v1/%6Datches?", "/v1/a;b=c,d@e:f?g=h/i?j&&=", "/v1/x?a=1%0d%0aX: 1"],
)
async def test_the_target_arrives_byte_for_byte(echo: HttpPart, target: str) -> None:
    path, _, query = target.partition("?")

    found = await said(echo, PartRequest("GET", path, query.encode()))

    assert found["target"] == f"{path}?{query.replace(' ', '%20')}"


async def test_headers_arrive_as_they_are_and_none_is_added(echo: HttpPart) -> None:
    lines = [(b"X-One", b"1"), (b"x-two", "ñandú ✓".encode()), (b"accept", b"*/*"), (b"accept", b"text/html"), (b"x-empty", b"")]

    found = await said(echo, PartRequest("POST", "/", headers=lines, body=b"12345"))

    arrived = [[name, value.encode("latin-1").decode()] for name, value in found["headers"] if name not in ("host", "content-length")]
    assert sorted(arrived) == sorted([name.decode().lower(), value.decode()] for name, value in lines)
    assert found["bytes"] == 5


async def test_what_is_of_the_connection_is_ours_alone_to_say(echo: HttpPart) -> None:
    lines = [
        *((b"Content-Length", b"0"), (b"Transfer-Encoding", b"chunked"), (b"Connection", b"close, x-one"), (b"Host", b"elsewhere")),
        *((b"Upgrade", b"h2c"), (b"TE", b"trailers"), (b"Expect", b"100-continue"), (b"X-One", b"1")),
    ]

    found = await said(echo, PartRequest("POST", "/", headers=lines, body=b"x" * 70_000))

    names = [name for name, _ in found["headers"]]
    assert found["bytes"] == 70_000
    assert sorted(names) == ["content-length", "host", "x-one"]
    assert dict(found["headers"])["host"] != "elsewhere"


@pytest.mark.parametrize(
    "line",
    [(b"x-one", b"1\r\nx-ayni-internal: x"), (b"x-one", b"1\nx: y"), (b"x-one", b"\x00"), (b"x one", b"1"), (b"x:", b"1"), (b"", b"1")],
)
async def test_a_header_that_could_be_read_as_two_is_refused(echo: HttpPart, line: tuple[bytes, bytes]) -> None:
    with pytest.raises(BadRequest):
        await echo.call(PartRequest("GET", "/", headers=[line]))


async def test_an_answer_is_handed_on_as_it_is(ports: Mapping[str, Standing]) -> None:
    packed = gzip.compress(b"hello")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/packed":
            await Response(packed, headers={"Content-Encoding": "gzip", "Set-Cookie": "a=b"})(scope, receive, send)
        else:
            is_known = any(name == b"cookie" for name, _ in scope["headers"])
            await RedirectResponse("/packed", 302 if not is_known else 500)(scope, receive, send)

    ports["listings"].app = app
    async with HttpPart([ports["listings"].address]) as part:
        whole = await part.call(PartRequest("GET", "/packed"))
        assert await whole.read() == packed
        assert (b"content-encoding", b"gzip") in whole.headers
        assert (await part.call(GET)).status == 302


async def test_a_caller_who_goes_when_he_has_his_answer_ends_nothing(ports: Mapping[str, Standing]) -> None:
    work = Work()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response("done", background=BackgroundTask(work))(scope, receive, send)

    ports["listings"].app = app
    async with HttpPart([ports["listings"].address]) as part:
        assert await (await part.call(GET)).read() == b"done"
    await asyncio.wait_for(work.has_begun.wait(), PATIENCE_SECONDS)
    work.may_go_on.set()

    assert not work.was_cancelled.is_set()


@pytest.mark.parametrize("request_", [GET, POST], ids=["a read", "a write"])
async def test_a_caller_who_hangs_up_ends_the_work(ports: Mapping[str, Standing], request_: PartRequest) -> None:
    work = Work()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await work()

    ports["listings"].app = app
    async with HttpPart([ports["listings"].address]) as part:
        call = asyncio.create_task(part.call(request_))
        await asyncio.wait_for(work.has_begun.wait(), PATIENCE_SECONDS)
        call.cancel()
        await asyncio.wait_for(work.was_cancelled.wait(), PATIENCE_SECONDS)
        await asyncio.gather(call, return_exceptions=True)


async def test_a_strangers_word_on_who_he_is_goes_no_further_than_the_door(make: Make) -> None:
    exchange = make()
    async with exchange.client(is_signed_in=False) as nobody:
        seen = (
            await nobody.get("/v1/materials", headers={"X-Ayni-Organisation": "x", "X-Ayni-Internal": "x", "x-ayni-scopes": "all"})
        ).json()

    assert "x-ayni-organisation" not in seen["headers"]
    assert "x-ayni-scopes" not in seen["headers"]
    assert seen["names"].count("x-ayni-internal") == 1
