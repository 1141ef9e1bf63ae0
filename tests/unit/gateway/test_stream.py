"""The live stream: complete, in order, resumable, for those who may see it, whatever breaks and whoever is slow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from random import Random

import httpx
import pytest
from prometheus_client import REGISTRY

from gateway.stream.entry import Entry, Filter
from gateway.stream.tail import BATCH, Tail
from gateway.stream.telling import OPENED, STILL_HERE, told
from kit.pagination import cursor
from kit.problems import Problem, Unavailable
from tests.patience import PATIENCE_SECONDS
from tests.unit.gateway.doubles import ME, OTHER, PROPOSED, PUBLISHED, WITHDRAWN, Call, Exchange, bearer, positions_of

FOR_EVER = 3600
EVERYTHING = Filter(ME)


def subjects(positions: range | list[int]) -> list[str]:
    return [f"subject {position}" for position in positions]


class Reader:
    """Reads one client's stream."""

    def __init__(self, tail: Tail, position: int, filters: Filter = EVERYTHING, keep_alive_seconds: float = FOR_EVER) -> None:
        self.stream = told(tail, filters, position, keep_alive_seconds)
        self.heard: list[str] = []

    async def piece(self) -> bytes:
        return await asyncio.wait_for(anext(self.stream), PATIENCE_SECONDS)

    async def hear(self, count: int) -> list[str]:
        """Until so many events were heard."""
        while len(self.heard) < count:
            self.heard += positions_of(await self.piece())
        return self.heard


async def caught_up(exchange: Exchange) -> None:
    """The tail has taken all that the feed has: it asks for what lies behind."""
    while await asyncio.wait_for(exchange.feed.polls.get(), PATIENCE_SECONDS) < exchange.feed.head:
        pass


@pytest.fixture
async def small(exchange: Exchange) -> AsyncIterator[Tail]:
    """A tail of eight entries that has begun behind position 3."""
    exchange.feed.tell(3)
    tail = Tail(exchange.app.state.forwarder, ring=8, retry_seconds=0.001)
    task = asyncio.create_task(tail.run())
    await exchange.feed.polls.get()
    yield tail
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_headers_come_at_once_and_then_what_happens(living: Exchange) -> None:
    living.feed.tell(2)

    async with Call(living.app, "/v1/stream") as call:
        status, headers = await call.begin()
        opening = await call.chunk()
        living.feed.tell()
        first = await call.chunk()

    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert (headers["x-accel-buffering"], headers["cache-control"]) == ("no", "no-store")
    assert (opening, positions_of(first)) == (OPENED, ["subject 3"])


async def test_an_event_is_its_id_its_type_and_one_line_of_json(living: Exchange) -> None:
    async with Call(living.app, "/v1/stream") as call:
        await call.begin()
        await call.chunk()
        living.feed.tell()
        lines = (await call.chunk()).decode().split("\n")

    place = cursor("feed", 1)
    assert lines[:2] == [f"id: {place}", f"event: {PUBLISHED}"]
    assert json.loads(lines[2].removeprefix("data: ")) == living.feed.entries[0]["event"] | {"aynicursor": place}
    assert lines[3:] == ["", ""]


async def test_without_a_last_id_it_begins_at_the_end_of_the_feed_and_not_at_what_the_ring_still_lacks(exchange: Exchange) -> None:
    exchange.feed.tell(5)  # nobody follows the feed here: no lifespan

    async with Call(exchange.app, "/v1/stream") as call:
        await call.begin()
        await call.chunk()
        exchange.feed.tell(2)
        exchange.app.state.tail.drain()
        assert positions_of(await call.chunk()) == []

    reader = Reader(Tail(exchange.app.state.forwarder), 5)
    assert await reader.hear(2) == subjects([6, 7])


@pytest.mark.parametrize("gap", [0, 3])
async def test_resumed_anywhere_it_tells_exactly_the_rest(living: Exchange, gap: int) -> None:
    before = living.feed.tell(4, gap=gap)
    await caught_up(living)
    after = living.feed.tell(4, gap=gap)
    await caught_up(living)

    for number, position in enumerate(before + after[:-1]):
        async with Call(living.app, "/v1/stream", {"Last-Event-ID": cursor("feed", position)}) as call:
            await call.begin()
            await call.chunk()
            assert positions_of(await call.chunk()) == subjects((before + after)[number + 1 :])


async def test_a_client_further_back_than_the_ring_reads_the_feed_and_then_the_ring(exchange: Exchange, small: Tail) -> None:
    exchange.feed.tell(20)
    await caught_up(exchange)
    back, near = Reader(small, 0), Reader(small, 15)

    assert await back.hear(23) == subjects(range(1, 24))
    assert await near.hear(8) == subjects(range(16, 24))
    assert exchange.feed.pages == [0]
    exchange.feed.tell(2)
    assert await back.hear(25) == subjects(range(1, 26))
    assert exchange.feed.pages == [0]


async def test_the_ring_is_right_to_the_entry_about_what_it_holds(exchange: Exchange, small: Tail) -> None:
    exchange.feed.tell(20)  # the ring holds 16 to 23
    await caught_up(exchange)

    assert [entry.position for entry in await small.behind(15)] == list(range(16, 24))
    assert exchange.feed.pages == []
    assert [entry.position for entry in await small.behind(14)] == list(range(15, 24))
    assert exchange.feed.pages == [14]


async def test_a_client_that_the_ring_runs_away_from_loses_nothing(exchange: Exchange, small: Tail) -> None:
    slow = Reader(small, 3)
    await slow.piece()
    exchange.feed.tell(2)
    await caught_up(exchange)
    await slow.hear(2)

    exchange.feed.tell(50)
    await caught_up(exchange)

    assert await slow.hear(52) == subjects(range(4, 56))


@pytest.mark.parametrize("seed", range(5))
async def test_many_clients_of_any_pace_hear_each_event_once_and_in_order(exchange: Exchange, small: Tail, seed: int) -> None:
    random = Random(seed)
    readers = [Reader(small, 3) for _ in range(6)]

    async def read(reader: Reader) -> None:
        while len(reader.heard) < 200:
            reader.heard += positions_of(await reader.piece())
            for _ in range(random.randrange(4)):
                await asyncio.sleep(0)

    async def write() -> None:
        while exchange.feed.head < 203:
            exchange.feed.tell(min(random.randrange(1, 30), 203 - exchange.feed.head))
            for _ in range(random.randrange(60)):
                await asyncio.sleep(0)

    await asyncio.wait_for(asyncio.gather(write(), *(read(reader) for reader in readers)), PATIENCE_SECONDS)

    assert all(reader.heard == subjects(range(4, 204)) for reader in readers)


async def test_a_client_that_stands_still_keeps_one_batch_and_no_more(exchange: Exchange) -> None:
    tail = Tail(exchange.app.state.forwarder)
    task = asyncio.create_task(tail.run())
    await exchange.feed.polls.get()
    exchange.feed.tell(BATCH * 3)
    await caught_up(exchange)

    assert len(await tail.behind(0)) == BATCH
    assert (await tail.behind(BATCH))[0].position == BATCH + 1
    task.cancel()


VISIBLE = [
    (Filter(ME), {}, True),
    (Filter(ME), {"audience": [str(ME), str(OTHER)]}, True),
    (Filter(ME), {"audience": [str(OTHER)]}, False),
    (Filter(ME), {"audience": []}, False),
    (Filter(ME, frozenset({PUBLISHED})), {}, True),
    (Filter(ME, frozenset({WITHDRAWN})), {}, False),
    (Filter(ME, family="textile"), {"families": ["plastic", "textile"]}, True),
    (Filter(ME, family="wood"), {"families": ["plastic", "textile"]}, False),
    (Filter(ME, family="wood"), {"families": []}, False),
    (Filter(ME, department="Lima"), {"families": ["textile"], "department": "Lima"}, True),
    (Filter(ME, department="Lima"), {"families": ["textile"], "department": "Ica"}, False),
    (Filter(ME, department="Lima"), {"families": ["textile"], "department": ""}, False),
    (Filter(ME, family="textile", department="Ica"), {"families": ["textile"], "department": "Lima"}, False),
    (Filter(ME, family="wood", department="Ica"), {"type": PROPOSED, "audience": [str(ME)]}, True),
    (Filter(ME, frozenset({PUBLISHED}), family="wood"), {"type": PROPOSED, "audience": [str(ME)]}, False),
]


@pytest.mark.parametrize(("filters", "entry", "is_heard"), VISIBLE)
def test_who_hears_an_event(exchange: Exchange, filters: Filter, entry: dict[str, object], is_heard: bool) -> None:
    exchange.feed.tell(**entry)  # type: ignore[arg-type]

    assert filters.passes(Entry.of(exchange.feed.entries[0])) is is_heard


async def test_a_stranger_hears_nothing_of_what_is_between_two_others(living: Exchange) -> None:
    async with Call(living.app, "/v1/stream", bearer(OTHER)) as stranger, Call(living.app, "/v1/stream") as side:
        for call in (stranger, side):
            await call.begin()
            await call.chunk()
        living.feed.tell(type=PROPOSED, audience=[str(ME)])
        living.feed.tell()

        heard = [positions_of(await stranger.chunk()), positions_of(await side.chunk())]

    assert heard[0] == ["subject 2"]
    assert heard[1][0] == "subject 1"


async def test_filters_of_the_query_are_applied(living: Exchange) -> None:
    async with Call(living.app, f"/v1/stream?types={WITHDRAWN},{PUBLISHED}&family=wood&department=Ica") as call:
        await call.begin()
        await call.chunk()
        living.feed.tell(families=["wood"], department="Lima")
        living.feed.tell(families=["wood"], department="Ica")

        assert positions_of(await call.chunk()) == ["subject 2"]


@pytest.mark.parametrize(
    ("query", "field"),
    [("types=pe.ayni.offer.eaten.v1", "types"), (f"types={PUBLISHED},x", "types"), ("family=", "family"), ("department=%00", "department")],
)
async def test_a_filter_that_is_none_is_refused(http: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await http.get(f"/v1/stream?{query}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    "given", ["", "x", "ñ", cursor("other", 1), cursor("feed", "1"), cursor("feed", -1), cursor("feed", 2**63), cursor("feed")]
)
async def test_a_last_id_that_is_no_cursor_of_the_feed_is_refused(http: httpx.AsyncClient, given: str) -> None:
    answer = await http.get("/v1/stream", headers={b"Last-Event-ID": given.encode()})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


async def test_a_last_id_beyond_the_end_is_of_another_feed_and_refused(living: Exchange, http: httpx.AsyncClient) -> None:
    living.feed.tell(2)

    assert (await http.get("/v1/stream", headers={"Last-Event-ID": cursor("feed", 3)})).status_code == 422


async def test_a_last_id_that_is_kept_no_longer_is_410_before_the_stream_begins(exchange: Exchange, http: httpx.AsyncClient) -> None:
    exchange.feed.tell(9)
    exchange.feed.oldest = 5

    answer = await http.get("/v1/stream", headers={"Last-Event-ID": cursor("feed", 4)})

    assert (answer.status_code, answer.json()["type"]) == (410, "urn:ayni:problem:cursor-expired")


async def test_a_feed_that_is_away_is_503_before_the_stream_begins(exchange: Exchange, http: httpx.AsyncClient) -> None:
    exchange.feed.is_away = True

    for headers in ({}, {"Last-Event-ID": cursor("feed", 0)}):
        answer = await http.get("/v1/stream", headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_feed_that_goes_away_and_comes_back_costs_no_event(exchange: Exchange, small: Tail) -> None:
    in_time, far_back = Reader(small, 3), Reader(small, 0)
    await in_time.piece()
    await far_back.piece()

    exchange.feed.is_away = True
    exchange.feed.tell(2)
    with pytest.raises(Unavailable):
        await small.head()
    waiting = [asyncio.create_task(reader.hear(count)) for reader, count in ((in_time, 2), (far_back, 5))]
    await asyncio.sleep(0)
    exchange.feed.is_away = False
    await asyncio.gather(*waiting)

    assert in_time.heard == subjects([4, 5])
    assert far_back.heard == subjects(range(1, 6))


async def test_a_client_past_which_the_feed_was_pruned_is_sent_away_to_read_why(exchange: Exchange, small: Tail) -> None:
    reader = Reader(small, 0)
    await reader.piece()

    exchange.feed.oldest = 2

    assert (await reader.piece()).startswith(b"retry: ")
    with pytest.raises(StopAsyncIteration):
        await reader.piece()
    with pytest.raises(Problem) as caught:
        await small.resumed(0)
    assert caught.value.status == 410


async def test_a_comment_keeps_it_open_while_nothing_happens(small: Tail) -> None:
    reader = Reader(small, 3, keep_alive_seconds=0.001)

    assert [await reader.piece() for _ in range(3)] == [OPENED, STILL_HERE, STILL_HERE]


class BusyTail(Tail):
    """There is always one more event, and never one of this client's."""

    async def behind(self, position: int) -> Sequence[Entry]:
        await asyncio.sleep(0)
        return [Entry(position + 1, PUBLISHED, frozenset({str(OTHER)}), None, None, b"not yours")]


async def test_a_comment_keeps_it_open_while_only_others_hear_something(exchange: Exchange) -> None:
    reader = Reader(BusyTail(exchange.app.state.forwarder), 0, keep_alive_seconds=0.001)

    assert [await reader.piece() for _ in range(3)] == [OPENED, STILL_HERE, STILL_HERE]


async def test_streams_end_when_the_process_stops_and_say_when_to_come_back(exchange: Exchange) -> None:
    async with exchange.app.router.lifespan_context(exchange.app):
        calls = [Call(exchange.app, "/v1/stream") for _ in range(3)]
        for call in calls:
            await call.__aenter__()
            await call.begin()
            await call.chunk()
    endings = [await call.message() for call in calls]

    for call, ending in zip(calls, endings, strict=True):
        name, _, milliseconds = ending["body"].decode().strip().partition(": ")
        assert name == "retry"
        assert 500 <= int(milliseconds) < 2500
        assert not (await call.message())["more_body"]
        await call.__aexit__()


async def test_open_streams_are_counted_and_one_that_is_hung_up_ends(living: Exchange) -> None:
    def open_streams() -> float | None:
        return REGISTRY.get_sample_value("ayni_gateway_open_streams")

    before = open_streams() or 0
    async with Call(living.app, "/v1/stream") as call:
        await call.begin()
        await call.chunk()
        assert open_streams() == before + 1
        call.hang_up()
        await asyncio.wait_for(call.task, PATIENCE_SECONDS)

    assert open_streams() == before


async def test_a_snapshot_names_the_end_of_the_feed_as_it_was_before_it_began(exchange: Exchange) -> None:
    exchange.feed.tell(4)

    async with Call(exchange.app, "/v1/snapshot?side=want") as call:
        status, headers = await call.begin()
        exchange.feed.tell(2)
        exchange.market.work.may_go_on.set()
        lines = await call.chunk() + await call.chunk()

    assert (status, headers["ayni-cursor"]) == (200, cursor("feed", 4))
    assert [json.loads(line)["id"] for line in lines.splitlines()] == [1, 2]


@pytest.mark.parametrize("query", ["", "?side=both", "?side="])
async def test_a_snapshot_of_no_side_is_refused(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.get(f"/v1/snapshot{query}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "side")
