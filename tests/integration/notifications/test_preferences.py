"""Preferences, and the links in mails: a person's own, remembered, harmless when repeated, and refused by name."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from contracts.listings import DealAgreed
from contracts.notifications import NoticeKind
from kit.identity import INTERNAL
from kit.ids import new_id
from services.notifications.links import Keeping, Links, Unsubscription
from services.notifications.preference import KINDS
from tests.integration.notifications.doubles import LINK_SECRET, TOKEN, Member, People, Take
from tests.unit.notifications.facts import HOLDER, deal_event, match_event

EVERYWHERE = {kind: ["in_app", "email"] for kind in KINDS}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def ana(http: httpx.AsyncClient, people: People) -> Member:
    return Member(http, HOLDER, people.of(HOLDER).person_id)


async def chosen(member: Member, **body: Any) -> Any:
    answer = await member.call("PUT", "/v1/preferences", body=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_before_anything_was_chosen_everything_comes_over_every_channel(ana: Member) -> None:
    assert await ana.get("/v1/preferences") == {"language": "es", "channels": EVERYWHERE, "digest_hour": 7}


async def test_what_was_chosen_is_what_is_shown(ana: Member, people: People) -> None:
    told = await chosen(ana, language="en", channels={"match.proposed": ["email", "email"], "deal.agreed": []}, digest_hour=18)

    wanted = EVERYWHERE | {"match.proposed": ["email"], "deal.agreed": []}
    assert told == await ana.get("/v1/preferences") == {"language": "en", "channels": wanted, "digest_hour": 18}
    assert people.of(HOLDER).language == "en", "the language is listings' to keep"


async def test_a_choice_replaces_the_one_before_but_for_an_hour_that_is_not_named(ana: Member) -> None:
    await chosen(ana, language="en", channels={key: [] for key in KINDS}, digest_hour=0)

    told = await chosen(ana, language="es", channels={"listing.matched": ["in_app"]})

    assert told == {"language": "es", "channels": EVERYWHERE | {"listing.matched": ["in_app"]}, "digest_hour": 0}


async def test_what_is_shown_can_be_sent_back(ana: Member) -> None:
    shown = await chosen(ana, language="en", channels={"deal.voided": ["email"]}, digest_hour=23)

    assert await chosen(ana, **shown) == shown


async def test_preferences_are_a_persons_and_not_their_organisations(ana: Member, http: httpx.AsyncClient, people: People) -> None:
    luz = people.of(HOLDER).model_copy(update={"person_id": new_id(), "email": "luz@example.pe"})
    people.book[luz.person_id] = luz

    await chosen(ana, language="es", channels={"match.proposed": []})

    assert (await Member(http, HOLDER, luz.person_id).get("/v1/preferences"))["channels"] == EVERYWHERE


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_key_has_no_preferences_and_nobody_has_none(http: httpx.AsyncClient, method: str) -> None:
    key = await Member(http, HOLDER).call(method, "/v1/preferences", body={"language": "es", "channels": {}})
    nobody = await http.request(method, "/v1/preferences")

    assert (key.status_code, key.json()["type"]) == (403, "urn:ayni:problem:no-person")
    assert "API key" in key.json()["detail"]
    assert nobody.status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "language"),
        ({"language": "es"}, "channels"),
        ({"language": "qu", "channels": {}}, "language"),
        ({"language": "es", "channels": {"deal.forgotten": []}}, "channels.deal.forgotten"),
        ({"language": "es", "channels": {"deal.agreed": ["pigeon"]}}, "channels.deal.agreed.0"),
        ({"language": "es", "channels": {"deal.agreed": "email"}}, "channels.deal.agreed"),
        ({"language": "es", "channels": {"deal.agreed": None}}, "channels.deal.agreed"),
        ({"language": "es", "channels": []}, "channels"),
        ({"language": "es", "channels": {}, "digest_hour": 24}, "digest_hour"),
        ({"language": "es", "channels": {}, "digest_hour": -1}, "digest_hour"),
        ({"language": "es", "channels": {}, "digest_hour": "7"}, "digest_hour"),
        ({"language": "es", "channels": {}, "digest_hour": 7.5}, "digest_hour"),
        ({"language": "es", "channels": {}, "colour": "red"}, "colour"),
    ],
)
async def test_what_cannot_be_chosen_is_refused_by_field_and_changes_nothing(ana: Member, body: dict[str, Any], field: str) -> None:
    answer = await ana.call("PUT", "/v1/preferences", body=body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert await ana.get("/v1/preferences") == {"language": "es", "channels": EVERYWHERE, "digest_hour": 7}


async def test_while_listings_is_away_it_says_to_try_again(ana: Member, people: People) -> None:
    people.is_away = True

    answer = await ana.call("GET", "/v1/preferences")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_what_is_not_wanted_in_the_app_is_not_listed_for_this_person(take: Take, ana: Member, http: httpx.AsyncClient) -> None:
    await take(match_event(), deal_event(DealAgreed))

    await chosen(ana, language="es", channels={"deal.agreed": ["email"]})

    assert [one["kind"] for one in (await ana.get("/v1/notices"))["items"]] == ["listing.matched"]
    of_a_key = (await Member(http, HOLDER).get("/v1/notices"))["items"]
    assert {one["kind"] for one in of_a_key} == {"listing.matched", "deal.agreed"}


def link(people: People, topic: str = "match.proposed") -> str:
    wish = Unsubscription(people.of(HOLDER).person_id, topic, "es")
    return Links(LINK_SECRET, "http://notifications").unsubscribe(wish)


async def channels(ana: Member) -> dict[NoticeKind, list[str]]:
    shown: dict[NoticeKind, list[str]] = (await ana.get("/v1/preferences"))["channels"]
    return shown


async def test_looking_at_the_link_changes_nothing(http: httpx.AsyncClient, ana: Member, people: People) -> None:
    answer = await http.get(link(people))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<form method="post">' in answer.text
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert await channels(ana) == EVERYWHERE


@pytest.mark.parametrize("form", [{"data": ONE_CLICK}, {"files": {"List-Unsubscribe": (None, "One-Click")}}, {"content": b""}])
async def test_one_click_unsubscribes_without_a_sign_in_however_often(
    http: httpx.AsyncClient, ana: Member, people: People, form: dict[str, Any]
) -> None:
    for _ in range(2):
        answer = await http.post(link(people), **form)
        assert (answer.status_code, "ya no se los enviaremos" in answer.text) == (200, True)

    assert await channels(ana) == EVERYWHERE | {"match.proposed": ["in_app"]}


async def test_the_link_of_a_digest_leaves_deals_as_they_are(http: httpx.AsyncClient, ana: Member, people: People) -> None:
    await http.post(link(people, "digest"), data=ONE_CLICK)

    waiting = ("listing.matched", "match.proposed", "listing.lapsing")
    assert await channels(ana) == EVERYWHERE | {key: ["in_app"] for key in waiting}


async def test_who_unsubscribed_can_choose_mails_again(http: httpx.AsyncClient, ana: Member, people: People) -> None:
    await http.post(link(people), data=ONE_CLICK)

    assert (await chosen(ana, language="es", channels={}))["channels"] == EVERYWHERE


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_that_is_cut_short_or_not_ours_is_404(http: httpx.AsyncClient, ana: Member, people: People, method: str) -> None:
    for url in (link(people)[:-4], link(people) + "x" * 500, "/v1/unsubscribe/x"):
        answer = await http.request(method, url)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")

    assert await channels(ana) == EVERYWHERE


async def test_forms_are_taken_where_mail_programs_post_them_and_nowhere_else(http: httpx.AsyncClient, people: People) -> None:
    assert (await http.put("/v1/preferences", data=ONE_CLICK, headers={INTERNAL: TOKEN})).status_code == 415
    assert (await http.post(link(people), content=b"x", headers={"content-type": "text/plain"})).status_code == 415


def keep_link(people: People) -> tuple[str, Keeping]:
    answer = Keeping(people.of(HOLDER).person_id, HOLDER, "offer", new_id(), "es")
    return Links(LINK_SECRET, "http://notifications").keep(answer), answer


async def test_the_link_that_a_listing_still_stands_answers_for_its_holder_when_it_is_clicked(
    http: httpx.AsyncClient, people: People
) -> None:
    link, answer = keep_link(people)

    asked = await http.get(link)
    assert (asked.status_code, people.kept) == (200, [])
    said = await http.post(link, data={"": ""})

    assert (said.status_code, "sigue publicada" in said.text) == (200, True)
    assert people.kept == [(f"/v1/offers/{answer.listing_id}/keep", str(HOLDER))]


@pytest.mark.parametrize(
    ("status", "shown", "words"), [(409, 200, "ya no está publicada"), (404, 200, "ya no está"), (500, 503, "try again")]
)
async def test_where_there_is_nothing_to_keep_it_says_so(
    http: httpx.AsyncClient, people: People, status: int, shown: int, words: str
) -> None:
    people.answer_to_keep = status

    answer = await http.post(keep_link(people)[0])

    assert (answer.status_code, words in answer.text) == (shown, True)


async def test_a_link_to_keep_that_is_not_ours_is_404(http: httpx.AsyncClient, people: People) -> None:
    assert (await http.post(keep_link(people)[0][:-3])).status_code == 404
    assert (await http.post(link(people).replace("unsubscribe", "keep"))).status_code == 404
    assert people.kept == []
