"""Matches as a spreadsheet: row for row what the lists say, of one listing or of all of mine, from whichever process."""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import pytest

from kit.ids import new_id
from services.matching.exports import COLUMNS, LINES_AT_ONCE
from tests.integration.matching.neighbours import Member, side_of
from tests.integration.matching.processes import Market
from tests.unit.matching.trading import HOLDER, SEEKER, changed, deal_event, deal_of, event_of, offer, soles, some_history, want, withdrawn

FIGURES = ("score", "quantity_kg", "distance_km")
FACTORS = ("material", "quantity", "distance", "price", "quality")


async def exported(member: Member, separator: str = "comma", **query: Any) -> list[dict[str, str]]:
    answer = await member.call("GET", "/v1/matches/export", separator=separator, **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="ayni-matches-2026-11-24.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    text = io.StringIO(answer.content.decode("utf-8-sig"), newline="")
    reader = csv.DictReader(text, delimiter={"comma": ",", "semicolon": ";"}[separator], strict=True)
    assert tuple(reader.fieldnames or ()) == COLUMNS
    return list(reader)


def assert_says(row: dict[str, str], item: dict[str, Any], mark: str = ".") -> None:
    """Every figure to its last bit."""
    assert (row["match_id"], row["offer_id"], row["want_id"], row["state"]) == (
        item["id"],
        item["offer_id"],
        item["want_id"],
        item["state"],
    )
    assert all(float(row[name].replace(mark, ".")) == item[name] for name in FIGURES)
    assert all(float(row[f"factor_{name}"].replace(mark, ".")) == item["factors"][name] for name in FACTORS)
    assert row["blocked_by"] == " ".join(item["blocked_by"])
    assert row["reasons"] == " ".join(item["reasons"]["es"])


async def test_an_export_is_row_for_row_what_the_lists_say(market: Market) -> None:
    first, second = await market.process(), await market.process()
    await market.shared(first, second)
    history = (event for event in some_history(Random(4), 25) if event.TYPE.startswith(("pe.ayni.offer", "pe.ayni.want")))
    await market.publish(*history)
    await market.standing.handled()
    facts, compared = sorted(market.listings.facts.values(), key=lambda one: one.id), 0
    for owner in {fact.organisation_id for fact in facts}:
        mine = [fact for side in ("offer", "want") for fact in facts if fact.organisation_id == owner and side_of(fact) == side]
        for state in ({}, {"state": "blocked"}):
            lists = [item for fact in mine for item in await first.member(owner).pages(limit=100, **{side_of(fact): fact.id}, **state)]
            rows = await exported(second.member(owner), **state)
            assert len(rows) == len(lists)
            for row, item in zip(rows, lists, strict=True):
                assert_says(row, item)
            compared += len(rows)
    assert compared > 20, "too thin a market to show anything"


async def test_an_export_of_one_listing_has_what_a_person_looks_for(market: Market) -> None:
    process = await market.process()
    offered = offer(title="Retazos limpios", price=soles("-20.5"))
    wanted = want(title="=HYPERLINK(A1); =1+1", min_grade="C", max_price=soles("99.5"))
    market.listings.names[offered.id] = "-A-1"
    await market.publish(event_of(offered), event_of(wanted))
    await market.standing.handled()
    for separator, mark in (("comma", "."), ("semicolon", ",")):
        (row,) = await exported(process.member(HOLDER), separator, offer=offered.id)
        (item,) = await process.member(HOLDER).pages(offer=offered.id)
        assert_says(row, item, mark)
        assert (row["side"], row["external_id"]) == ("offer", "'-A-1")
        assert (row["offer_title"], row["offer_department"], row["grade"]) == ("Retazos limpios", "Lima", "B")
        assert (row["price_amount"], row["price_per"]) == (f"-20{mark}5", "t"), "a figure stays a figure"
        assert row["want_title"] == "'=HYPERLINK(A1);' =1+1", "another's title cannot calculate"
        assert (row["min_grade"], row["max_price_amount"], row["max_price_per"]) == ("C", f"99{mark}5", "t")
    (row,) = await exported(process.member(SEEKER), want=wanted.id, language="en")
    assert (row["side"], row["external_id"]) == ("want", str(wanted.id)), "what has no name of its own goes by its id"
    assert row["reasons"].startswith("It is the material that is wanted")


async def test_a_long_list_is_exported_to_its_end_in_order(market: Market) -> None:
    process = await market.process()
    wanted, count = want(), LINES_AT_ONCE + 20
    await market.publish(
        event_of(wanted), *(event_of(offer(price=soles(number), organisation_id=UUID(int=100 + number))) for number in range(count))
    )
    await market.standing.handled()
    rows = await exported(process.member(SEEKER))
    assert len({row["match_id"] for row in rows}) == len(rows) == count
    assert all(float(before["score"]) >= float(after["score"]) for before, after in pairwise(rows))


async def test_answered_matches_are_exported_by_their_state_also_of_listings_that_have_left_the_market(market: Market) -> None:
    process = await market.process()
    offered, wanted = offer(), want()
    await market.publish(event_of(offered), event_of(wanted))
    agreed = deal_event(deal_of(offered, wanted, "agreed", 2, deal_id=new_id(), accepted_by=[HOLDER, SEEKER]))
    await market.standing.publish(agreed, partitions=market.listings.partitions[offered.id])
    await market.publish(event_of(withdrawn(changed(offered, title="Otro"))))
    await market.standing.handled()
    member = process.member(HOLDER)
    assert await exported(member) == []
    (row,) = await exported(member, state="agreed")
    assert (row["state"], row["offer_title"]) == ("agreed", "Otro")
    assert row["deal_id"]
    assert "@" not in str(row)


@pytest.mark.parametrize("query", [{}, {"state": "agreed"}])
async def test_nothing_to_export_is_a_header(market: Market, query: dict[str, str]) -> None:
    process = await market.process()
    draft = offer(state="draft", published_at=None)
    market.listings.facts[draft.id] = draft
    assert await exported(process.member(HOLDER), **query) == []
    assert await exported(process.member(HOLDER), offer=draft.id, **query) == []


async def test_whose_listing_it_is_and_what_is_asked_is_checked_before_the_answer_begins(market: Market) -> None:
    process = await market.process()
    offered = offer()
    await market.publish(event_of(offered))
    await market.standing.handled()
    member = process.member(SEEKER)
    for query, status in (
        ({"offer": offered.id}, 403),
        ({"offer": UUID(int=7)}, 404),
        ({"want": offered.id}, 404),
        ({"offer": offered.id, "want": offered.id}, 422),
        ({"offer": "nada"}, 422),
        ({"state": "sold"}, 422),
        ({"separator": "tab"}, 422),
        ({"min_score": 2}, 422),
    ):
        answer = await member.call("GET", "/v1/matches/export", **query)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), query
