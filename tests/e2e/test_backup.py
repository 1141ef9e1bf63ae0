"""A backup holds the whole exchange at one moment, and a restored one goes on where that was."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from tests.e2e.commanded import ayni
from tests.e2e.conftest import new_exchange
from tests.e2e.people import Member, join
from tests.e2e.running import Exchange
from tests.patience import until

Json = dict[str, Any]


@dataclass
class Kept:
    """What was there when the backup was made, while others went on writing."""

    file: Path
    holder: Member
    seeker: Member
    offer: Json
    match: Json
    cursor: str
    seen: list[str]


def agree(holder: Member, seeker: Member) -> tuple[Json, Json]:
    """An offer, and its match once both have agreed."""
    offer, want = holder.offer(), seeker.want()
    found: list[Json] = until(lambda: seeker.get("/v1/matches", want=want["id"])["items"], "a match")
    seeker.post(f"/v1/matches/{found[0]['id']}/accept", {})
    return offer, holder.post(f"/v1/matches/{found[0]['id']}/accept", {})


def write_until(done: Event, member: Member) -> int:
    written = 0
    while not done.is_set():
        member.offer()
        written += 1
    return written


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    with new_exchange() as exchange, exchange.start() as http:
        holder, seeker, writer = join(http), join(http, "cooperative"), join(http, latitude=-16.4, longitude=-71.5)
        offer, match = agree(holder, seeker)
        until(lambda: [one for one in holder.feed() if one["type"] == "pe.ayni.deal.agreed.v1"], "the feed tells of the agreement")
        page = holder.get("/v1/events", limit=3)
        done, file = Event(), exchange.folder / "backup.zip"
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write_until, done, writer)
            said = ayni("backup", file, "--var", exchange.folder / "var")
            done.set()
            assert writing.result() > 0
        assert (said.code, said.err) == (0, "")
        assert said.out.startswith(f"{file}: 3 organisations, ")
        yield Kept(file, holder, seeker, offer, match, page["next"], [one["id"] for one in page["items"]])


@pytest.fixture(scope="module")
def restored(kept: Kept) -> Iterator[Exchange]:
    with new_exchange() as exchange:
        said = ayni("restore", kept.file, "--var", exchange.folder / "var")
        assert (said.code, said.err) == (0, "")
        yield exchange


@pytest.fixture(scope="module")
def http(restored: Exchange) -> Iterator[httpx.Client]:
    with restored.start() as client:
        yield client


@pytest.fixture
def holder(kept: Kept, http: httpx.Client) -> Member:
    """With the token that the exchange before gave."""
    return Member(http, kept.holder.organisation, kept.holder.token, kept.holder.credentials)


def test_a_backup_is_for_its_owner_alone_and_never_overwritten(kept: Kept) -> None:
    assert kept.file.stat().st_mode & 0o777 == 0o600
    before = kept.file.read_bytes()

    said = ayni("backup", kept.file, "--var", kept.file.parent / "var")

    assert said.code == 1
    assert said.err == f"ayni: {kept.file} exists: name another file\n"
    assert kept.file.read_bytes() == before
    assert list(kept.file.parent.glob("*.unfinished")) == []


def test_a_restored_exchange_has_its_listings_its_deals_and_its_sessions(kept: Kept, holder: Member, http: httpx.Client) -> None:
    assert holder.get(f"/v1/offers/{kept.offer['id']}")["title"] == kept.offer["title"]
    match = holder.get(f"/v1/matches/{kept.match['id']}")
    assert (match["state"], match["contact"]["email"]) == ("agreed", kept.seeker.credentials["email"])
    signed_in = http.post("/v1/sessions", json=kept.seeker.credentials)
    assert signed_in.status_code == 200
    assert http.post("/v1/sessions/refresh", json={"refresh_token": signed_in.json()["refresh_token"]}).status_code == 200


def test_a_cursor_of_before_goes_on_where_it_was(kept: Kept, holder: Member) -> None:
    rest = [one["id"] for one in holder.feed(kept.cursor)]
    everything = [one["id"] for one in holder.feed()]  # what the backup had not told yet may come meanwhile
    seen = len(kept.seen)

    assert everything[:seen] == kept.seen
    assert rest
    assert everything[seen : seen + len(rest)] == rest


def test_what_was_being_written_is_there_with_its_events_or_not_at_all(holder: Member) -> None:
    def standing() -> set[str]:
        lines = holder.call("GET", "/v1/snapshot", params={"side": "offer"}).text.splitlines()
        return {json.loads(line)["id"] for line in lines}

    until(lambda: standing() <= {one["subject"] for one in holder.feed()}, "each listing has been told of")
    published = {one["subject"] for one in holder.feed() if one["type"] == "pe.ayni.offer.published.v1"}
    gone = {one["subject"] for one in holder.feed() if one["type"] == "pe.ayni.offer.exhausted.v1"}
    assert published - gone == standing()


def test_a_restored_exchange_goes_on_and_tells_nothing_twice(kept: Kept, holder: Member, http: httpx.Client) -> None:
    signed_in = http.post("/v1/sessions", json=kept.seeker.credentials).json()
    seeker = Member(http, kept.seeker.organisation, signed_in["token"], kept.seeker.credentials)

    _, match = agree(holder, seeker)

    assert match["state"] == "agreed"
    events = [event for member in (holder, seeker) for event in member.feed()]
    assert max(Counter(event["id"] for event in holder.feed()).values()) == 1
    proposed = {one["id"]: one for one in events if "match.proposed" in one["type"]}.values()
    told = Counter((one["subject"], side) for one in proposed for side in one["data"]["told"])
    assert max(told.values()) == 1


@pytest.mark.usefixtures("http")
def test_a_running_exchange_is_not_replaced(kept: Kept, restored: Exchange) -> None:
    said = ayni("restore", kept.file, "--var", restored.folder / "var", "--replace")

    assert said.code == 2
    assert "is in use by process" in said.err


def test_an_exchange_that_is_there_is_replaced_only_when_told_so_and_only_by_a_whole_backup(kept: Kept, server_folder: Path) -> None:
    var, tax_id = server_folder / "var", kept.holder.organisation["tax_id"]

    def unverified() -> int:
        return len(ayni("organisations", "list", "--unverified", "--var", var).rows)

    assert ayni("restore", kept.file, "--var", var).code == 0
    assert ayni("organisations", "verify", tax_id, "--var", var).code == 0
    refused = ayni("restore", kept.file, "--var", var)
    damaged = ayni("restore", damage(kept.file, server_folder), "--var", var, "--replace")

    assert (refused.code, damaged.code) == (1, 1)
    assert "holds an exchange already: " in refused.err
    assert "is damaged (in database.sql)" in damaged.err
    assert unverified() == 2, "what was there stands"
    assert ayni("backup", server_folder / "stopped.zip", "--var", var).out.startswith(f"{server_folder / 'stopped.zip'}: 3 organisations, ")
    assert ayni("restore", kept.file, "--var", var, "--replace").code == 0
    assert unverified() == 3


@pytest.mark.parametrize("verb", ["backup", "restore"])
def test_what_is_not_there_is_said_so_in_one_line_and_nothing_is_made(server_folder: Path, verb: str) -> None:
    said = ayni(verb, server_folder / "backup.zip", "--var", server_folder / "var")

    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert said.err.startswith(("ayni: there is no exchange in ", f"ayni: {server_folder / 'backup.zip'} is not there"))
    assert list(server_folder.iterdir()) == []


def damage(file: Path, folder: Path) -> Path:
    """A copy of the backup in which one byte of the database is another."""
    with zipfile.ZipFile(file) as archive:
        inside = archive.getinfo("database.sql")
    content = bytearray(file.read_bytes())
    content[inside.header_offset + inside.compress_size // 2] ^= 1
    damaged = folder / "damaged.zip"
    damaged.write_bytes(content)
    return damaged
