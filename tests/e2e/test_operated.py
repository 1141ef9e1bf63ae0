"""What an operator does to an exchange with `ayni`, while it runs and while it does not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from kit.bus import Message
from kit.bus_postgres import PostgresBus
from services.listings.app import MIGRATIONS as LISTINGS
from tests.e2e.commanded import Said, ayni
from tests.e2e.people import Member, join
from tests.e2e.running import Exchange
from tests.patience import until

OCC = "paper.occ"  # its holders state that it is post-consumer: waste, which asks its receiver for a paper


def operate(exchange: Exchange, *words: object) -> Said:
    return ayni(*words, "--var", exchange.folder / "var")


def poison(exchange: Exchange, topic: str, value: bytes) -> None:
    """A message that no consumer can read."""

    async def publish() -> None:
        bus = PostgresBus(exchange.running["database"])
        await bus.start()
        await bus.publish([Message(topic, 0, "key\x1b[2J", {"ce_type": "pe.ayni.nothing.v1"}, value)])
        await bus.stop()

    asyncio.run(publish())


def letters(exchange: Exchange, service: str) -> list[list[str]]:
    return operate(exchange, "dead-letters", "list", "--service", service).rows


def test_dead_letters_are_listed_shown_and_replayed(exchange: Exchange, http: httpx.Client) -> None:
    poison(exchange, "ayni.standing", b'{"a": "b"}')
    poison(exchange, "ayni.offers", b"\xff")
    until(lambda: letters(exchange, "matching") and letters(exchange, "notifications"), "both services bury what they cannot read")

    listed = operate(exchange, "dead-letters", "list")
    shown = operate(exchange, "dead-letters", "show", "matching", "0")
    replayed = operate(exchange, "dead-letters", "replay", "matching", "0")

    assert {row[0] for row in listed.rows} == {"matching", "notifications"}
    assert listed.out.endswith("2 dead letters\n")
    for part in ("from: ayni.standing, partition 0, position ", "consumer: matching", "UnknownEventTypeError", '"a": "b"'):
        assert part in shown.out
    assert "\x1b" not in listed.out + shown.out
    assert replayed.out == "1 dead letter of matching published again\n"
    again = until(lambda: letters(exchange, "matching"), "what was replayed is buried again, and the first is not shown any more")
    assert [row[0] for row in again] == ["matching"]
    assert again[0][1] != "0"
    assert len(operate(exchange, "dead-letters", "list", "--service", "matching", "--all").rows) == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("show", "matching", "999"), "ayni: matching has no dead letter 999: "),
        (("replay", "matching", "999"), "ayni: matching has no dead letter 999: "),
        (("replay", "matching"), "ayni: say which: "),
    ],
)
@pytest.mark.usefixtures("http")
def test_a_dead_letter_that_is_not_there_is_said_so(exchange: Exchange, words: tuple[str, ...], complaint: str) -> None:
    said = operate(exchange, "dead-letters", *words)

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(complaint)


def test_what_an_operator_saw_of_a_licence_is_told_and_shown_in_matches(exchange: Exchange, http: httpx.Client) -> None:
    holder, seeker = join(http), join(http, "recycler")
    licence = seeker.post("/v1/licences", {"kind": "recycler_register", "number": "R-7", "valid_until": None})
    offer, want = holder.offer(material=OCC, facts=None), seeker.want(accepts=[{"material": OCC}])
    assert evidence(seeker, want, offer) == "declared"

    said = operate(exchange, "licences", "check", licence["id"], "--evidence", "document")

    assert (said.code, said.err) == (0, "")
    assert "recycler_register R-7 of Muestra" in said.out
    assert "evidence document, what it wants is told again" in said.out
    changed = until(lambda: told(holder, want, "want.changed"), "the want is told again")
    assert changed[-1]["data"]["holder"]["licences"] == [{"kind": "recycler_register", "valid_until": None, "evidence": "document"}]
    until(lambda: evidence(seeker, want, offer) == "document", "matches show it")

    assert "evidence document, as before" in operate(exchange, "licences", "check", licence["id"], "--evidence", "document").out
    assert len(told(holder, want, "want.changed")) == 1
    tax_id = seeker.organisation["tax_id"]
    assert [row[0] for row in operate(exchange, "licences", "list", "--organisation", tax_id, "--evidence", "document").rows] == [tax_id]
    assert operate(exchange, "licences", "list", "--organisation", tax_id, "--evidence", "declared").out == "0 licences\n"


def evidence(member: Member, want: dict[str, Any], offer: dict[str, Any]) -> str | None:
    found: list[dict[str, Any]] = until(lambda: member.get("/v1/matches", want=want["id"])["items"], "a match")
    return next(str(match["evidence"]) for match in found if match["offer_id"] == offer["id"])


def told(member: Member, listing: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [event for event in member.feed() if event["subject"] == listing["id"] and f".{kind}." in event["type"]]


def test_an_organisation_is_verified_and_unverified(exchange: Exchange, http: httpx.Client) -> None:
    facilitator = join(http, "facilitator")
    tax_id = facilitator.organisation["tax_id"]

    def is_verified() -> bool:
        return bool(facilitator.get("/v1/me")["organisation"]["verified"])

    assert not is_verified()
    assert tax_id in operate(exchange, "organisations", "list", "--kind", "facilitator", "--unverified").out

    assert operate(exchange, "organisations", "verify", tax_id).out == f"Muestra {tax_id} ({tax_id}) is verified\n"
    assert is_verified()
    assert operate(exchange, "organisations", "verify", facilitator.id).out.endswith("is verified, as before\n")
    assert tax_id not in operate(exchange, "organisations", "list", "--unverified").out

    assert operate(exchange, "organisations", "unverify", tax_id).out.endswith("is not verified\n")
    assert not is_verified()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("organisations", "verify", "20999999999"), "ayni: no organisation has the tax id or id 20999999999: "),
        (("licences", "check", "x", "--evidence", "checked"), "ayni: x is no id of a licence: "),
        (("licences", "check", "01a211b9-b130-70ff-9c19-f21b1abfe29e", "--evidence", "checked"), "ayni: there is no licence 01a211b9-"),
    ],
)
@pytest.mark.usefixtures("http")
def test_what_is_not_there_is_said_so(exchange: Exchange, words: tuple[str, ...], complaint: str) -> None:
    said = operate(exchange, *words)

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(complaint)


def test_a_folder_without_an_exchange_is_said_so_and_left_alone(exchange: Exchange) -> None:
    nowhere = exchange.folder / "nowhere"

    said = ayni("organisations", "list", "--var", nowhere)

    assert said.code == 1
    assert said.err.startswith(f"ayni: there is no exchange in {nowhere}: ")
    assert not nowhere.exists()


def test_a_database_that_does_not_answer_is_said_so(exchange: Exchange) -> None:
    said = ayni("organisations", "list", "--var", exchange.folder / "other", environment={"DATABASE_URL": "postgresql://x:y@127.0.0.1:1/z"})

    assert said.code == 1
    assert said.err.startswith("ayni: the database of DATABASE_URL does not answer: ")


def test_a_stopped_exchange_is_operated_too_and_says_what_was_done_when_it_starts(mortal: Exchange) -> None:
    with mortal.start() as http:
        seeker = join(http, "recycler")
        licence = seeker.post("/v1/licences", {"kind": "recycler_register", "number": "R-7", "valid_until": None})
        want = seeker.want(accepts=[{"material": OCC}])
    mortal.stop()

    assert operate(mortal, "organisations", "verify", seeker.organisation["tax_id"]).code == 0
    assert operate(mortal, "licences", "check", licence["id"], "--evidence", "checked").code == 0
    assert operate(mortal, "dead-letters", "list").out == "0 dead letters\n"
    assert not (mortal.folder / "var" / "running.json").exists()

    with mortal.start() as http:
        seeker.http = http
        assert seeker.get("/v1/me")["organisation"]["verified"]
        changed = until(lambda: told(seeker, want, "want.changed"), "the want is told again")
        assert [one["evidence"] for one in changed[-1]["data"]["holder"]["licences"]] == ["checked"]


def test_a_schema_is_walked_down_and_up_and_what_does_not_fit_it_is_refused(mortal: Exchange) -> None:
    assert operate(mortal, "migrate").code == 0
    first, *_, last = LISTINGS.revisions()

    down = operate(mortal, "migrate", "--part", "listings", "--to", first)
    early = operate(mortal, "organisations", "list")
    unknown = operate(mortal, "migrate", "--part", "listings", "--to", "9999")
    up = operate(mortal, "migrate", "--part", "listings", "--to", last)

    assert (down.out, up.out) == (f"listings: from {last} to {first}\n", f"listings: from {first} to {last}\n")
    assert early.err == "ayni: this database was left by an older release: bring it up to this one first, with `ayni migrate`\n"
    assert unknown.err.startswith(f"ayni: listings has no revision 9999: it has {first}, ")
    assert (early.code, unknown.code) == (1, 1)
    assert operate(mortal, "organisations", "list").out == "0 organisations\n"


async def test_data_of_a_newer_release_are_refused_by_every_command_and_left_alone(empty_database: str, server_folder: Path) -> None:
    def run(*words: object) -> Said:
        return ayni(*words, "--var", server_folder / "var", environment={"DATABASE_URL": empty_database})

    assert (await asyncio.to_thread(run, "migrate")).code == 0
    connection = await asyncpg.connect(empty_database)
    await connection.execute("update matching.migrations set version_num = '9999'")

    for words in (["run", "--port", "0", "--no-sample"], ["migrate"], ["organisations", "list"], ["backup", server_folder / "b.zip"]):
        said = await asyncio.to_thread(run, *words)

        assert (said.code, said.err.count("\n")) == (1, 1), said.err
        assert said.err.startswith("ayni: the schema matching is at revision 9999, and this release knows ")
        assert "a newer release has used this database. Run that release or a newer one" in said.err
    assert await connection.fetchval("select version_num from matching.migrations") == "9999"
    await connection.close()
