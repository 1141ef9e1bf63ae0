"""A stale listing through the front door: its holder is asked by a notice, answers with the one call that the notice names, and is asked
again; without an answer the listing lapses. Months are seconds here; to the second it is proved under a faked clock."""

from __future__ import annotations

import pytest

from tests.e2e.people import Json, Member, join
from tests.e2e.running import Exchange
from tests.patience import until

A_SECOND_IN_DAYS = 1 / 86_400


def questions(member: Member) -> list[Json]:
    return [notice for notice in member.get("/v1/notices")["items"] if notice["kind"] == "listing.lapsing"]


def test_the_holder_of_a_stale_listing_is_asked_and_silence_makes_it_lapse(mortal: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AYNI_STALE_AFTER_DAYS", str(2 * A_SECOND_IN_DAYS))
    monkeypatch.setenv("AYNI_ANSWER_WITHIN_DAYS", str(20 * A_SECOND_IN_DAYS))
    with mortal.start() as http:
        holder, stranger = join(http), join(http)
        offer = holder.offer()
        notice = until(lambda: next(iter(questions(holder)), None), "the question")
        assert notice["subject"] == {"type": "offer", "id": offer["id"]}
        assert offer["title"] in notice["text"]["es"]
        assert holder.get(f"/v1/offers/{offer['id']}")["lapses_at"] is not None

        assert stranger.call(notice["answer"]["method"], notice["answer"]["path"]).status_code == 403
        kept = holder.call(notice["answer"]["method"], notice["answer"]["path"])
        assert (kept.status_code, kept.json()) == (200, offer)

        until(lambda: len(questions(holder)) == 2, "it is asked again")
        until(lambda: holder.get(f"/v1/offers/{offer['id']}")["state"] == "lapsed", "without an answer it lapses")
        until(lambda: any("lapsed" in event["type"] for event in stranger.feed()), "everybody hears that it lapsed")
        assert [event["type"] for event in stranger.feed()] == ["pe.ayni.offer.published.v1", "pe.ayni.offer.lapsed.v1"]
        assert questions(stranger) == []
