"""What goes to a part and comes back, and what happens when something breaks on the way: the same in one process and over HTTP."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from forwarding_adapters import Make

from kit.forwarding import AnswerCutOff
from kit.input import MAX_BODY_BYTES, MAX_IMPORT_BYTES
from kit.problems import MEDIA_TYPE
from tests.patience import PATIENCE_SECONDS
from tests.unit.gateway.doubles import Call, Exchange


def assert_problem(answer: httpx.Response, status: int, slug: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    problem = answer.json()
    assert (problem["type"], problem["status"]) == (f"urn:ayni:problem:{slug}", status)
    assert problem["title"]
    assert problem["detail"]
    assert "the inside" not in answer.text


async def test_path_query_method_and_body_arrive_as_they_were_sent(exchange: Exchange, http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/offers?near=-12.1,-77&q=a%20b", json={"title": "Retazos"})

    assert answer.json() | {"headers": {}, "names": []} == {"headers": {}, "names": [], "query": "near=-12.1,-77&q=a%20b", "bytes": 19}
    assert exchange.market.asked == [("listings", "POST", "/v1/offers")]


async def test_an_unknown_path_is_404_to_those_who_signed_in(http: httpx.AsyncClient) -> None:
    for path in ("/v1/no-such-thing", "/no-such-thing", "/v1"):
        assert_problem(await http.get(path), 404, "not-found")


async def test_a_method_that_a_path_does_not_take_is_405(http: httpx.AsyncClient) -> None:
    for method, path in (
        ("POST", "/healthz"),
        ("HEAD", "/docs"),
        ("DELETE", "/v1/stream"),
        ("POST", "/v1/snapshot"),
        ("TRACE", "/v1/offers"),
    ):
        answer = await http.request(method, path)
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]
        if method != "HEAD":
            assert_problem(answer, 405, "method-not-allowed")


async def test_a_parts_own_headers_come_out_and_those_of_the_hop_do_not(http: httpx.AsyncClient) -> None:
    headers = (await http.get("/v1/headers")).headers

    assert headers.get_list("link") == ["<a>; rel=next", "<b>; rel=prev"]
    assert headers["cache-control"] == "max-age=60"
    assert headers["content-length"] == "2"
    assert not {"x-inner", "connection", "server"} & headers.keys()


async def test_a_body_that_announces_too_much_is_413_and_not_read(exchange: Exchange) -> None:
    call = Call(exchange.app, "/v1/offers", {"Content-Length": str(MAX_BODY_BYTES + 1)}, [b"x"] * 3, "POST")

    async with call:
        status, headers = await call.begin()

    assert (status, headers["content-type"], call.chunks_read) == (413, MEDIA_TYPE, 0)


async def test_a_body_that_grows_too_large_is_413_and_not_read_on(exchange: Exchange) -> None:
    call = Call(exchange.app, "/v1/offers", {}, [b"x" * (MAX_BODY_BYTES // 2)] * 9, "POST")

    async with call:
        status, _ = await call.begin()

    assert (status, call.chunks_read) == (413, 3)
    assert exchange.market.asked == []


async def test_a_spreadsheet_may_be_larger_than_a_form(http: httpx.AsyncClient) -> None:
    fits = await http.post("/v1/offers", content=b"x" * MAX_IMPORT_BYTES, headers={"Content-Type": "text/csv; charset=utf-8"})
    does_not = await http.post("/v1/offers", content=b"x" * (MAX_IMPORT_BYTES + 1), headers={"Content-Type": "text/csv"})

    assert fits.json()["bytes"] == MAX_IMPORT_BYTES
    assert_problem(does_not, 413, "body-too-large")


async def test_a_body_that_does_not_come_is_408(make: Make) -> None:
    call = Call(make(body_seconds=0.001).app, "/v1/offers", {}, [], "POST")

    async with call:
        assert (await call.begin())[0] == 408


async def test_nobody_is_asked_for_a_body_before_it_is_known_who_sends_it(exchange: Exchange) -> None:
    call = Call(exchange.app, "/v1/offers", {"Authorization": "Bearer nonsense"}, [b"x"] * 3, "POST")

    async with call:
        assert (await call.begin())[0] == 401

    assert call.chunks_read == 0


async def test_a_part_that_hangs_is_503_and_its_work_is_ended(make: Make) -> None:
    exchange = make(deadline_seconds=0.1)

    async with exchange.client() as http, asyncio.timeout(PATIENCE_SECONDS):
        answer = await http.get("/v1/hanging")
        while not exchange.market.work.has_begun.is_set():  # the deadline passed on the way
            answer = await http.get("/v1/hanging")

    assert_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    await asyncio.wait_for(exchange.market.work.was_cancelled.wait(), PATIENCE_SECONDS)


async def test_a_part_that_crashes_is_500_and_tells_nothing_of_the_inside(http: httpx.AsyncClient) -> None:
    assert_problem(await http.get("/v1/crash"), 500, "internal")


async def test_a_part_that_crashes_in_the_middle_leaves_an_answer_without_an_end(exchange: Exchange) -> None:
    call = Call(exchange.app, "/v1/crash-in-the-middle")

    async with call:
        assert (await call.begin())[0] == 200
        with pytest.raises((ZeroDivisionError, AnswerCutOff)):  # so that the server breaks the connection off
            await asyncio.wait_for(call.task, PATIENCE_SECONDS)


async def test_a_part_that_falls_silent_in_the_middle_leaves_an_answer_without_an_end(make: Make) -> None:
    exchange = make(deadline_seconds=2)
    call = Call(exchange.app, "/v1/snapshot?side=offer")

    async with call:
        await call.begin()
        assert await call.chunk() == b'{"id": 1}\n'
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call.task, PATIENCE_SECONDS)

    await asyncio.wait_for(exchange.market.work.was_cancelled.wait(), PATIENCE_SECONDS)


async def test_an_answer_goes_out_chunk_by_chunk_as_it_comes(exchange: Exchange) -> None:
    call = Call(exchange.app, "/v1/snapshot?side=offer")

    async with call:
        _, headers = await call.begin()
        first = await call.chunk()
        exchange.market.work.may_go_on.set()
        rest = await call.chunk()

    assert (first, rest) == (b'{"id": 1}\n', b'{"id": 2}\n')
    assert headers["content-type"] == "application/x-ndjson"


async def test_a_caller_who_hangs_up_before_the_answer_ends_the_parts_work(exchange: Exchange) -> None:
    call = Call(exchange.app, "/v1/hanging")

    async with call:
        await asyncio.wait_for(exchange.market.work.has_begun.wait(), PATIENCE_SECONDS)
        call.hang_up()
        await asyncio.wait_for(exchange.market.work.was_cancelled.wait(), PATIENCE_SECONDS)


async def test_a_caller_who_hangs_up_in_the_middle_ends_the_parts_work(exchange: Exchange) -> None:
    call = Call(exchange.app, "/v1/snapshot?side=offer")

    async with call:
        await call.begin()
        await call.chunk()
        await asyncio.wait_for(exchange.market.work.has_begun.wait(), PATIENCE_SECONDS)
        call.hang_up()
        await asyncio.wait_for(exchange.market.work.was_cancelled.wait(), PATIENCE_SECONDS)
