"""Which part answers which path; what goes there and comes back; and what happens when something breaks on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import count

import pytest
from starlette.types import Receive, Scope, Send

from gateway.forwarding import part_of
from kit.forwarding import AsgiPart, PartRequest
from kit.problems import MEDIA_TYPE, NotFound
from tests.patience import PATIENCE_SECONDS
from tests.unit.gateway.doubles import Call, Exchange

PARTS = {
    "/v1/offers": "listings",
    "/v1/me": "listings",
    "/v1/matches": "matching",
    "/v1/matches/a.b/accept": "matching",
    "/v1/matchesmore": "listings",
    "/v1/events": "notifications",
    "/v1/notices/1/read": "notifications",
    "/v1/preferences": "notifications",
    "/v1/webhooks/1/deliveries": "notifications",
    "/v1/%6Datches": "matching",
}
HIDDEN = [
    "/internal",
    "/internal/feed",
    "//internal/feed",
    "/%69nternal/feed",
    "/internal%2Ffeed",
    "/v1/../internal/feed",
    "/v1/%2e%2e/internal/feed",
    "/v1/%2E./internal/feed",
    "/v1%2F..%2Finternal%2Ffeed",
    "/v1//internal/feed",
    "/v1/..\\internal",
    "/v1/%5C..%5Cinternal",
]


@pytest.mark.parametrize(("path", "part"), PARTS.items())
def test_each_path_has_one_part(path: str, part: str) -> None:
    assert part_of(path) == part


@pytest.mark.parametrize("path", ["/", "/v2/offers", "/v10", "/metrics/more", *HIDDEN])
def test_what_is_not_plainly_below_v1_is_nobodys(path: str) -> None:
    with pytest.raises(NotFound):
        part_of(path)


@pytest.mark.parametrize("path", HIDDEN)
@pytest.mark.parametrize("is_signed_in", [True, False])
async def test_internal_paths_do_not_exist_outside_however_they_are_spelt(exchange: Exchange, path: str, is_signed_in: bool) -> None:
    call = Call(exchange.app, path, headers={} if is_signed_in else {"Authorization": ""})

    async with call:
        status, headers = await call.begin()

    assert (status, headers["content-type"]) == (404, MEDIA_TYPE)
    assert exchange.market.asked == []


async def test_a_reader_who_stops_early_is_not_held_by_what_the_part_still_had_to_say() -> None:
    is_full, was_cancelled = asyncio.Event(), asyncio.Event()

    async def talkative(_scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for number in count(1):
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                if number == 17:  # the first was read, sixteen wait, and the next one will not fit
                    is_full.set()
        except asyncio.CancelledError:
            was_cancelled.set()
            raise

    answer = await AsgiPart(talkative).call(PartRequest("GET", "/"))
    assert await anext(answer.chunks) == b"x"
    await asyncio.wait_for(is_full.wait(), PATIENCE_SECONDS)

    assert isinstance(answer.chunks, AsyncGenerator)
    closing = asyncio.ensure_future(answer.chunks.aclose())
    await asyncio.wait({closing}, timeout=PATIENCE_SECONDS)  # to cancel it would free it

    assert closing.done()
    assert was_cancelled.is_set()
