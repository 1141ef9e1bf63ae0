"""The played day: its script, its clock, and what somebody reads who watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from contracts import listings, matching
from contracts.envelope import EVENT_TYPES
from infra.cli import main
from infra.sample.day.clock import DayClock
from infra.sample.day.onlooker import Onlooker
from infra.sample.day.script import read_day
from infra.sample.day.words import TELLINGS, Storyteller, amount, is_of_match, plain
from infra.sample.market import SampleError
from tests.patience import PATIENCE_SECONDS

KNOWN = (listings, matching)  # their event classes fill EVENT_TYPES
OFFER: dict[str, Any] = {
    "id": "o-1",
    "organisation_id": "h",
    "title": "Retazos de algodón",
    "rhythm": "one_off",
    "place": {"department": "Lima", "district": "Ate"},
    "quantity": {"amount": "1200.500", "unit": "kg"},
    "available": {"amount": "1200.500", "unit": "kg"},
    "price": {"amount": "350.00", "currency": "PEN", "per": "t"},
}
WANT: dict[str, Any] = OFFER | {
    "id": "w-1",
    "organisation_id": "s",
    "title": "Busco retazos",
    "minimum": {"amount": "500", "unit": "kg"},
    "maximum": None,
    "max_price": None,
    "agreed": {"amount": "0", "unit": "kg"},
}
for offered in ("quantity", "available", "price"):
    del WANT[offered]


def event(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": f"pe.ayni.{kind}.v1", "data": data}


def match(score: float, want: str = "w-1") -> dict[str, Any]:
    figures = {"score": score, "distance_km": 12.3, "quantity_kg": 1200.0, "cause": {"listing_id": "o-1"}}
    return event("match.proposed", {"offer_id": "o-1", "want_id": want} | figures)


@pytest.fixture
def storyteller() -> Storyteller:
    """One who has heard of an offer and of a want."""
    told = Storyteller({"h": "Confecciones", "s": "Waipes"})
    told.tell(event("offer.published", OFFER))
    told.tell(event("want.published", WANT))
    return told


def test_every_kind_of_event_has_its_words() -> None:
    kinds = {name.removeprefix("pe.ayni.").removesuffix(".v1") for name in EVENT_TYPES}
    assert {kind for kind in kinds if not is_of_match({"type": f"pe.ayni.{kind}.v1"})} == TELLINGS.keys()


def test_a_listing_is_told_with_quantity_price_holder_and_place(storyteller: Storyteller) -> None:
    assert (
        storyteller.tell(event("offer.published", OFFER)) == "offer       “Retazos de algodón” · 1,200.5 kg · 350 PEN/t · Confecciones, Ate"
    )
    recurring = WANT | {"rhythm": "recurring", "maximum": {"amount": "2", "unit": "t"}, "organisation_id": "x"}
    assert storyteller.tell(event("want.published", recurring)) == "want        “Busco retazos” · 500 kg to 2 t a month · Ate"


def test_a_change_is_told_by_what_is_new(storyteller: Storyteller) -> None:
    cheaper = OFFER | {"price": {"amount": "300", "currency": "PEN", "per": "t"}, "available": {"amount": "700.5", "unit": "kg"}}
    told = storyteller.tell(event("offer.changed", cheaper))
    assert told == "changed     “Retazos de algodón”: 350 PEN/t → 300 PEN/t, 1,200.5 kg left → 700.5 kg left"
    assert storyteller.tell(event("offer.changed", cheaper)) == "changed     “Retazos de algodón”: other terms"
    assert "300 PEN/t → unstated" in storyteller.tell(event("offer.changed", cheaper | {"price": None}))


def test_matches_of_one_listing_are_one_line_with_the_best(storyteller: Storyteller) -> None:
    told = storyteller.tell_matches([match(0.6, "w-2"), match(0.9), event("match.lapsed", match(0.5)["data"])])
    assert told == [
        "match       “Retazos de algodón” ↔ “Busco retazos”: score 0.90, 12 km, 1,200 kg (and 1 more)",
        "no match    “Retazos de algodón” ↔ “Busco retazos”",
    ]
    assert storyteller.tell_matches([]) == []


def test_deals_are_told_with_who_answered_and_why(storyteller: Storyteller) -> None:
    deal = {"offer_id": "o-1", "want_id": "w-1", "accepted_by": ["s"], "quantity_kg": "700.125", "reason": None, "answered_by": "h"}
    pair = "“Retazos de algodón” ↔ “Busco retazos”"
    assert storyteller.tell(event("deal.offered", deal)) == f"accepted    {pair}: Waipes accepts"
    assert storyteller.tell(event("deal.agreed", deal)) == f"agreed      {pair}: 700 kg"
    assert storyteller.tell(event("deal.declined", deal)) == f"declined    {pair} by Confecciones"
    assert (
        storyteller.tell(event("deal.released", deal | {"reason": "no\x1b[2Jllegó"}))
        == f"released    {pair} by Confecciones: “no [2Jllegó”"
    )
    assert storyteller.tell(event("deal.voided", deal | {"offer_id": "o-9"})) == "void        listing o-9 ↔ “Busco retazos”"


def test_what_people_typed_cannot_move_the_cursor_or_fill_the_screen() -> None:
    assert plain("a\x1b[2Jb\nc\u202ed") == "a [2Jb c d"
    assert plain("x" * 100) == "x" * 43 + "…"


@pytest.mark.parametrize(("written", "said"), [("1200", "1,200"), ("0.80", "0.8"), ("2E+1", "20"), ("10", "10")])
def test_amounts_are_told_as_people_write_them(written: str, said: str) -> None:
    assert amount({"amount": written}) == said


async def test_the_hours_of_the_day_pass_so_many_times_faster() -> None:
    clock = DayClock(6 * 60, speed=3600)
    assert clock.now() == "06:00"
    assert 3.9 < clock.until(10 * 60).total_seconds() <= 4
    assert clock.until(5 * 60).total_seconds() == 0


async def test_the_clock_waits_for_what_takes_longer_than_its_hour() -> None:
    clock = DayClock(6 * 60, speed=10_000_000)
    await clock.reach(7 * 60)
    assert clock.now() == "07:00"
    await clock.reach(6 * 60 + 30)
    assert clock.now() == "07:00"


def test_the_day_is_whole() -> None:
    acts = read_day()
    assert {act.does for act in acts} == {"offers", "wants", "reprices", "accepts", "declines", "releases"}
    assert any(act.spoils_at for act in acts)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ('[[act]]\nat = "25:00"\nwho = "a"\ndoes = "accepts"\noffer = "o"\nwant = "w"', 'write an hour as "06:05"'),
        ('[[act]]\nat = "06:00"\nwho = "a"\ndoes = "accepts"\noffer = "o"', "Name `offer` and `want`"),
        ('[[act]]\nat = "06:00"\nwho = "a"\ndoes = "offers"\nwhat = "o"', "a `body` belongs to"),
        ('[[act]]\nat = "06:00"\nwho = "a"\ndoes = "reprices"\nwhat = "o"', "a `price` belongs to"),
        ('[[act]]\nat = "06:00"\nwho = "a"\ndoes = "accepts"\noffer = "o"\nwant = "w"', "nobody has put ['o', 'w'] on the market"),
        ('[[act]]\nat = "06:00"\nwho = "a"\ndoes = "sings"\nwhat = "o"', "does"),
        ("[[act]", "day.toml"),
        ("", "act"),
    ],
)
def test_a_script_that_cannot_be_played_is_refused_before_anything_is_done(tmp_path: Path, written: str, fault: str) -> None:
    (tmp_path / "day.toml").write_text(written)
    with pytest.raises(SampleError) as refused:
        read_day(tmp_path / "day.toml")
    assert fault in str(refused.value)


def test_where_no_exchange_runs_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--var", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"ayni: no exchange runs in {tmp_path}: start one with `make run`, or name its address with --url\n"


def test_where_nothing_answers_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--url", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err.startswith("ayni: http://127.0.0.1:9 does not answer")


class Endless(httpx.AsyncByteStream):
    """A stream on which somebody says something all the time."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in count():
            yield f'data: {{"id": "{number}", "aynicursor": "{number}"}}\n\n'.encode()
            await asyncio.sleep(0)


async def test_a_day_is_over_though_others_go_on_writing() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Endless()))
    player: Any = SimpleNamespace(member=SimpleNamespace(identity=dict))
    async with httpx.AsyncClient(transport=transport, base_url="http://ayni") as client, asyncio.timeout(PATIENCE_SECONDS):
        onlooker = Onlooker(client)
        async with onlooker.watching([player]):
            await onlooker.quiet(PATIENCE_SECONDS, at_most=0.1)
    assert not onlooker.events.empty()
