"""Notices as people meet them: their own, newest first, read by each for themselves."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from contracts.listings import DealAgreed, DealReleased
from kit.ids import new_id
from kit.pagination import cursor
from tests.integration.notifications.doubles import Member, StoppedClock, Take
from tests.unit.notifications.facts import HOLDER, SEEKER, STRANGER, deal_event, match_event

ANA, LUZ = new_id(), new_id()


@pytest.fixture
def ana(http: httpx.AsyncClient) -> Member:
    return Member(http, HOLDER, ANA)


async def test_an_organisation_sees_its_own_notices_newest_first(take: Take, http: httpx.AsyncClient, ana: Member) -> None:
    match, deal = match_event(cause="want"), deal_event(DealAgreed)
    await take(match, deal)

    mine, theirs, none = [(await member.get("/v1/notices"))["items"] for member in (ana, Member(http, SEEKER), Member(http, STRANGER))]

    assert [(one["kind"], one["subject"]) for one in mine] == [
        ("deal.agreed", {"type": "deal", "id": deal.subject}),
        ("match.proposed", {"type": "match", "id": match.subject}),
    ]
    assert [(one["kind"], one["matches"]) for one in theirs] == [("deal.agreed", []), ("listing.matched", [match.subject])]
    assert none == []
    assert all(one["text"]["es"] and one["text"]["en"] and one["read_at"] is None and one["created_at"] for one in mine + theirs)


async def test_pages_of_one_give_every_notice_once(take: Take, ana: Member) -> None:
    await take(*(deal_event(DealAgreed) for _ in range(3)))

    seen: list[str] = []
    page = await ana.get("/v1/notices", limit=1)
    while page["next"]:
        seen += [one["id"] for one in page["items"]]
        page = await ana.get("/v1/notices", limit=1, after=page["next"])
    seen += [one["id"] for one in page["items"]]

    assert seen == [one["id"] for one in (await ana.get("/v1/notices"))["items"]]
    assert len(set(seen)) == 3


async def test_to_read_a_notice_counts_once_for_each_reader(take: Take, http: httpx.AsyncClient, ana: Member, clock: StoppedClock) -> None:
    await take(deal_event(DealAgreed), deal_event(DealReleased))
    newest, other = (await ana.get("/v1/notices"))["items"]
    first = await ana.post(f"/v1/notices/{newest['id']}/read")
    clock.pass_days(1)

    again = await ana.post(f"/v1/notices/{newest['id']}/read")

    assert first["read_at"] is not None
    assert again == first == (await ana.get("/v1/notices"))["items"][0]
    assert [one["id"] for one in (await ana.get("/v1/notices", unread="true"))["items"]] == [other["id"]]
    for reader in (Member(http, HOLDER, LUZ), Member(http, HOLDER)):
        assert len((await reader.get("/v1/notices", unread="true"))["items"]) == 2


async def test_a_key_without_a_person_reads_as_its_organisation(take: Take, http: httpx.AsyncClient, ana: Member) -> None:
    key = Member(http, HOLDER)
    await take(deal_event(DealAgreed))
    [notice] = (await key.get("/v1/notices"))["items"]

    await key.post(f"/v1/notices/{notice['id']}/read")

    assert (await key.get("/v1/notices", unread="true"))["items"] == []
    assert len((await ana.get("/v1/notices", unread="true"))["items"]) == 1


async def test_to_read_a_notice_many_times_at_once_leaves_one_mark(take: Take, ana: Member) -> None:
    await take(deal_event(DealAgreed))
    [notice] = (await ana.get("/v1/notices"))["items"]

    answers = await asyncio.gather(*(ana.post(f"/v1/notices/{notice['id']}/read") for _ in range(5)))

    assert len({answer["read_at"] for answer in answers}) == 1


async def test_an_idempotency_key_is_taken_as_on_every_post(take: Take, ana: Member) -> None:
    await take(deal_event(DealAgreed))
    [notice] = (await ana.get("/v1/notices"))["items"]

    first, again = [await ana.call("POST", f"/v1/notices/{notice['id']}/read", key="once") for _ in range(2)]

    assert (first.status_code, first.json()) == (200, again.json())
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_the_notice_of_another_or_of_nobody_is_not_there(take: Take, http: httpx.AsyncClient, ana: Member) -> None:
    await take(match_event(cause="want", told=(HOLDER,)))
    [notice] = (await ana.get("/v1/notices"))["items"]

    for path in (f"/v1/notices/{notice['id']}/read", f"/v1/notices/{new_id()}/read", "/v1/notices/x/read"):
        assert (await Member(http, STRANGER).call("POST", path)).status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": cursor("feed", 1)}, "after"),
        ({"after": cursor("notices", "x")}, "after"),
        ({"unread": "perhaps"}, "unread"),
        ({"limit": "0"}, "limit"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_field(ana: Member, query: dict[str, str], field: str) -> None:
    answer = await ana.call("GET", "/v1/notices", **query)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_notices_need_a_sign_in_and_their_scope(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/notices")).status_code == 401
    refused = await Member(http, HOLDER, scopes=frozenset({"events:read"})).call("GET", "/v1/notices")
    assert (refused.status_code, "notices:read" in refused.json()["detail"]) == (403, True)
