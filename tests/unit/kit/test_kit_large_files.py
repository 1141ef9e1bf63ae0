"""A spreadsheet of 100 MB at a part's own door: refused by its announced length, or as soon as the limit is passed, never read whole."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from kit.input import MAX_BODY_BYTES, MAX_IMPORT_BYTES, BodyGuard

CHUNK = 2**16
HUNDRED_MEGABYTES = 100 * 10**6


class Sender:
    """Sends without end, and counts what is taken."""

    def __init__(self) -> None:
        self.taken = 0
        self.answers: list[Message] = []

    async def receive(self) -> Message:
        self.taken += CHUNK
        return {"type": "http.request", "body": b"x" * CHUNK, "more_body": True}

    async def send(self, message: Message) -> None:
        self.answers.append(message)


async def unreachable(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the part saw a body that is too large")


@pytest.mark.parametrize(
    ("media", "announced", "most"),
    [
        ("text/csv", HUNDRED_MEGABYTES, 0),
        ("text/csv; charset=utf-8", None, MAX_IMPORT_BYTES + CHUNK),
        ("application/json", None, MAX_BODY_BYTES + CHUNK),
    ],
)
async def test_a_body_of_100_megabytes_is_413_and_is_not_read_whole(media: str, announced: int | None, most: int) -> None:
    headers = [(b"content-type", media.encode())] + ([] if announced is None else [(b"content-length", b"%d" % announced)])
    sender = Sender()
    scope = {"type": "http", "method": "POST", "path": "/v1/offers/import", "headers": headers}
    await BodyGuard(unreachable)(scope, sender.receive, sender.send)
    assert sender.answers[0]["status"] == 413
    assert sender.taken <= most
