"""What somebody who sends a spreadsheet is told: how far it is, and every no with the way out."""

from __future__ import annotations

import io

import httpx
import pytest

from infra.spreadsheets.progress import shown, words
from infra.spreadsheets.upload import CHUNK_BYTES, Upload, UploadError, send

CONTENT = b"external_id,title\r\n" + b"A-1,Retazos\r\n" * 9_999
PROBLEM = {"type": "urn:ayni:problem:x", "title": "No", "status": 400}


def upload_of(content: bytes = CONTENT) -> Upload:
    return Upload(io.BytesIO(content), len(content))


class Exchange:
    """Answers what it is told to, once it has read as much as it wants to."""

    def __init__(self, answer: httpx.Response | Exception) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._take), base_url="http://127.0.0.1:1")

    async def _take(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_file_is_sent_whole_with_its_length_and_counted_on_the_way() -> None:
    report = {"created": 9_999, "updated": 0, "rejected": []}
    exchange, upload = Exchange(httpx.Response(200, json=report)), upload_of()
    assert len(CONTENT) > CHUNK_BYTES, "in several pieces"
    assert await send(exchange.client, "offers", upload, is_trial=False) == report
    request = exchange.requests[0]
    assert (request.method, str(request.url)) == ("POST", "http://127.0.0.1:1/v1/offers/import")
    assert request.headers["content-length"] == str(len(CONTENT))
    assert "transfer-encoding" not in request.headers
    assert request.headers["content-type"] == "text/csv"
    assert request.content == CONTENT
    assert (upload.sent, upload.lines, upload.is_sent) == (len(CONTENT), 10_000, True)


async def test_a_dry_run_says_so() -> None:
    exchange = Exchange(httpx.Response(200, json={"created": 0, "updated": 0, "rejected": []}))
    await send(exchange.client, "wants", upload_of(), is_trial=True)
    assert str(exchange.requests[0].url).endswith("/v1/wants/import?dry_run=true")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.ConnectError("refused"), "does the exchange run"),
        (httpx.ConnectTimeout("slow"), "does the exchange run"),
        (httpx.ReadError("reset"), "not written twice"),
        (httpx.RemoteProtocolError("gone"), "not written twice"),
        (httpx.Response(401, json=PROBLEM | {"detail": "this key is unknown"}), "does not know you: this key is unknown"),
        (httpx.Response(403, json=PROBLEM | {"detail": "this needs the scope 'listings:write'"}), "may not import: this needs the scope"),
        (httpx.Response(413, json=PROBLEM | {"detail": "at most 10 bytes"}), "Split it into several files"),
        (httpx.Response(400, json=PROBLEM | {"detail": "the file is a workbook"}), "does not take this file: the file is a workbook"),
        (httpx.Response(422, json=PROBLEM | {"detail": "colour: is no column"}), "colour: is no column"),
        (httpx.Response(409, json=PROBLEM | {"detail": "an import is at work"}), "not now: an import is at work"),
        (httpx.Response(503, json=PROBLEM | {"detail": "try again"}), "not now: try again"),
        (httpx.Response(200, html="<html>"), "no Ayni exchange"),
        (httpx.Response(200, json={"hello": "world"}), "no Ayni exchange"),
        (httpx.Response(404, json=["not found"]), "answers 404, and is no Ayni exchange"),
    ],
)
async def test_every_no_says_what_to_do(answer: httpx.Response | Exception, words: str) -> None:
    with pytest.raises(UploadError) as caught:
        await send(Exchange(answer).client, "offers", upload_of(), is_trial=False)
    assert words in str(caught.value)


async def test_what_has_been_sent_is_said_in_a_log_line_by_line() -> None:
    out, upload = io.StringIO(), upload_of()
    async with shown(upload, "offers.csv", out):
        async for _ in upload.chunks():
            pass
    said = out.getvalue()
    assert "offers.csv: 10,000 lines, 0.1 of 0.1 MB sent, the exchange is at work, " in said.splitlines()[-1]
    assert "\r" not in said


async def test_on_a_terminal_one_line_is_written_over() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    async with shown(upload_of(), "offers.csv", out):
        pass
    assert out.getvalue().startswith("\r\x1b[Koffers.csv: 0 lines, 0.0 of 0.1 MB sent, ")
    assert out.getvalue().count("\n") == 1


def test_before_the_end_nobody_is_said_to_work() -> None:
    assert (
        words(Upload(io.BytesIO(), 2_000_000, sent=500_000, lines=4_000), "x.csv", 0.31) == "x.csv: 4,000 lines, 0.5 of 2.0 MB sent, 0.3 s"
    )
