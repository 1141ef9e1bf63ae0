"""Spreadsheets through the front door: all or nothing when the process is killed, and what is too large is not read."""

from __future__ import annotations

import asyncio
import csv
import io
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlsplit

import asyncpg
import httpx

from kit.input import MAX_IMPORT_BYTES
from tests.e2e.people import COTTON, Member, join
from tests.e2e.running import Exchange
from tests.patience import PATIENCE_SECONDS, until

ROWS = 4_000
CSV = {"Content-Type": "text/csv"}
HUNDRED_MEGABYTES = 100 * 10**6
CHUNK = b"x" * 2**16
WRITING = "select count(*) from pg_locks where relation = 'listings.offers'::regclass and mode = 'RowExclusiveLock' and granted"


def many_offers() -> bytes:
    header = "external_id,material,title,quantity_amount,quantity_unit,price_amount,price_per,publish\r\n"
    lines = (f"A-{number},{COTTON},Lote {number},{1 + number % 9}.5,t,{number % 400}.25,t,si\r\n" for number in range(ROWS))
    return (header + "".join(lines)).encode()


def send(member: Member, side: str, content: bytes, **query: str) -> httpx.Response:
    return member.call("POST", f"/v1/{side}s/import", content=content, headers=CSV, params=query, timeout=300)


async def kill_while_it_writes(exchange: Exchange, begin: Callable[[], object]) -> None:
    """The import that begins cannot end: what it says when it is over waits for a lock of ours."""
    connection = await asyncpg.connect(exchange.running["database"])
    await connection.execute("begin; lock table listings.outbox in exclusive mode")
    begin()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await connection.fetchval(WRITING):
            pass
    exchange.kill()
    connection.terminate()


def test_a_kill_in_the_middle_of_an_import_leaves_nothing_and_the_file_is_sent_again(mortal: Exchange) -> None:
    member, content = join(mortal.start()), many_offers()
    with ThreadPoolExecutor(1) as pool:
        answers: list[Future[httpx.Response]] = []
        asyncio.run(kill_while_it_writes(mortal, lambda: answers.append(pool.submit(send, member, "offer", content))))
    assert isinstance(answers[0].exception(), httpx.HTTPError), "it was answered before the kill"

    with mortal.start() as reborn:
        member.http = reborn
        assert mortal.asked("select count(*) from listings.offers") == 0
        assert mortal.asked("select count(*) from listings.outbox") == 0
        for expected in (ROWS, 0):
            again = send(member, "offer", content)
            assert again.status_code == 200, again.text
            assert again.json() == {"created": expected, "updated": 0, "rejected": []}
        assert mortal.asked("select count(*) from listings.offers where state = 'published' and version = 2") == ROWS
        assert mortal.asked("select count(distinct key) from listings.outbox") == ROWS


def opened(http: httpx.Client, member: Member, *lines: str) -> socket.socket:
    """A connection that has sent the head of an import."""
    where = urlsplit(str(http.base_url))
    connection = socket.create_connection((where.hostname, where.port), timeout=120)
    head = ["POST /v1/offers/import HTTP/1.1", "Host: ayni", "Content-Type: text/csv", f"Authorization: Bearer {member.token}", *lines]
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    return connection


def test_a_file_of_100_megabytes_is_413_before_a_byte_of_it_is_sent(http: httpx.Client, holder: Member) -> None:
    with opened(http, holder, f"Content-Length: {HUNDRED_MEGABYTES}") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_file_that_does_not_say_its_size_is_413_at_the_limit(http: httpx.Client, holder: Member) -> None:
    with opened(http, holder, "Transfer-Encoding: chunked") as connection:
        sent, answer = 0, b""
        while not answer and sent < HUNDRED_MEGABYTES:
            connection.sendall(b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK))
            sent += len(CHUNK)
            if sent > MAX_IMPORT_BYTES:
                answer = connection.recv(100)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sent <= MAX_IMPORT_BYTES + len(CHUNK)


def test_an_export_goes_through_the_gateway_and_comes_back_without_effect(http: httpx.Client, holder: Member, seeker: Member) -> None:
    for member, side in ((holder, "offer"), (seeker, "want")):
        made = holder.offer(title="=1+1; -2") if side == "offer" else seeker.want(title="=1+1; -2")
        exported = member.call("GET", f"/v1/{side}s/export", params={"separator": "semicolon"})
        assert exported.headers["content-type"] == "text/csv; charset=utf-8"
        rows = rows_of(exported.content, ";")
        assert [(row["external_id"], row["title"]) for row in rows] == [(made["id"], "'=1+1;' -2")]
        assert send(member, side, exported.content).json() == {"created": 0, "updated": 0, "rejected": []}


def rows_of(content: bytes, separator: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=separator, strict=True))


def test_matches_go_through_the_gateway_as_a_file_and_without_a_contact(http: httpx.Client, holder: Member, seeker: Member) -> None:
    offer, want = holder.offer(external_id="A-1", title='dice "agreed"'), seeker.want()
    path = f"/v1/matches/{offer['id']}.{want['id']}"
    until(lambda: seeker.call("GET", path).status_code == 200, "the match")
    open_ones = holder.call("GET", "/v1/matches/export")
    assert open_ones.headers["content-type"] == "text/csv; charset=utf-8"
    ours = [row for row in rows_of(open_ones.content) if row["want_id"] == want["id"]]
    assert [(row["external_id"], row["state"], row["offer_title"]) for row in ours] == [("A-1", "proposed", 'dice "agreed"')]
    assert float(ours[0]["score"]) == holder.get(path)["score"]
    for member in (seeker, holder):
        member.post(f"{path}/accept")
    until(lambda: holder.get(path)["state"] == "agreed", "agreed")
    agreed = holder.call("GET", "/v1/matches/export", params={"state": "agreed", "separator": "semicolon"})
    assert [row["match_id"] for row in rows_of(agreed.content, ";")] == [f"{offer['id']}.{want['id']}"]
    assert b"@" not in agreed.content
    assert join(http).call("GET", "/v1/matches/export", params={"offer": offer["id"]}).status_code in (403, 404)


def test_the_description_of_the_whole_api_has_the_spreadsheets(http: httpx.Client) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    for side in ("offers", "wants"):
        assert "text/csv" in paths[f"/v1/{side}/import"]["post"]["requestBody"]["content"]
        for path in ("import/template", "export"):
            assert "text/csv" in paths[f"/v1/{side}/{path}"]["get"]["responses"]["200"]["content"]
    assert "text/csv" in paths["/v1/matches/export"]["get"]["responses"]["200"]["content"]
