"""`ayni demo` against a running exchange: what it says is what the feed has, and nothing of it is left standing."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.sample.market import read_market
from tests.e2e.people import Member
from tests.e2e.running import COMMAND
from tests.patience import PATIENCE_SECONDS, until

FAST = "50000"  # as quickly as it can be done
SLOW = "60"
LOT = "Vísceras de jurel que quedaron de anoche"


def player(http: httpx.Client, domain: str) -> Member:
    """An organisation that has played, signed in anew."""
    found = next(one for one in read_market() if domain in one.cells["email"])
    credentials = {"email": found.cells["email"], "password": found.password}
    token = http.post("/v1/sessions", json=credentials).json()["token"]
    me = http.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).json()
    return Member(http, me["organisation"], token, credentials)


def left_of_days(member: Member) -> list[dict[str, Any]]:
    standing = [one for side in ("offers", "wants") for one in member.get(f"/v1/{side}", state="published", limit=100)["items"]]
    return [one for one in standing if (one["external_id"] or "").startswith("day-")]


def lot_events(member: Member, id: str) -> list[str]:
    """What the feed tells of one offer and its pairs."""
    events = (one for one in member.feed() if id in (one["subject"], one["data"].get("offer_id")))
    return [event["type"].removeprefix("pe.ayni.").removesuffix(".v1") for event in events]


@pytest.fixture(scope="module")
def said(http: httpx.Client) -> str:
    """By a day that has been played."""
    done = subprocess.run([COMMAND, "demo", "--url", str(http.base_url), "--speed", FAST], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_somebody_who_watches_reads_of_all_that_happens(said: str) -> None:
    for line in (
        "offer       “Cabezas de anchoveta de la primera descarga” · 7 t · 450 PEN/t",
        "want        “Algodón de colores para 300 bolsos de feria” · 100 kg to 420 kg · up to 1.25 PEN/kg",
        "match       “Vísceras de jurel que quedaron de anoche” ↔ “Residuo de pescado o de mercado para armar …”: score 0.",
        "waste       “Vísceras de jurel que quedaron de anoche” is no longer fresh: residuo_no_peligroso",
        "changed     “Retazos de jersey de un pedido grande”: 1.45 PEN/kg → 1.15 PEN/kg",
        "declined    “Retazos de jersey de un pedido grande” ↔ “Retazo de algodón claro para trapo, esta se…” by Confecciones Killa",
        "agreed      “Retazos de jersey de un pedido grande” ↔ “Algodón de colores para 300 bolsos de feria”: 420 kg",
        "agreed      “Tolva llena de afrecho de cerveza, sale hoy” ↔ “Afrecho para la semana”: 10,000 kg",
        "released    “Cartón corrugado, 4 toneladas en fardos” ↔ “Corrugado para completar la carga de la sem…” by Papelera Huaycoloro",
        "all taken   “120 cajones de mango vacíos”",
    ):
        assert line in said
    assert said.count("agreed      ") == 7


def test_a_lot_of_fish_turns_to_waste_and_is_agreed_as_waste(http: httpx.Client, said: str) -> None:
    plant = player(http, "conservera-san-andres")
    lot = next(one for one in plant.get("/v1/offers", state="exhausted")["items"] if one["title"] == LOT)
    story = lot_events(plant, lot["id"])
    by_topic = {topic: [kind for kind in story if kind.startswith(f"{topic}.")] for topic in ("offer", "deal", "match")}
    assert by_topic["offer"] == ["offer.published", "offer.lapsed_to_waste", "offer.exhausted"]
    assert by_topic["deal"] == ["deal.offered", "deal.agreed"]
    assert by_topic["match"][0] == "match.proposed"  # across topics no order is promised
    assert lot["lapsed_to_waste"] is True
    assert lot["regime"]["slug"] == "residuo_no_peligroso"


@pytest.mark.parametrize("domain", ["confecciones-killa", "waipes-inti", "papelera-huaycoloro", "cerveceria-huaico"])
def test_what_was_left_is_off_the_market(http: httpx.Client, said: str, domain: str) -> None:
    assert left_of_days(player(http, domain)) == []


@pytest.fixture
def interrupted(http: httpx.Client, said: str) -> Iterator[subprocess.Popen[str]]:
    """A second day, a slow one, of which a line has been told."""
    running = subprocess.Popen([COMMAND, "demo", "--url", str(http.base_url), "--speed", SLOW], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    until(lambda: "want" in running.stdout.readline(), "the first act")
    yield running
    running.kill()
    running.stdout.close()


def test_a_day_that_is_cut_short_leaves_nothing_either(http: httpx.Client, interrupted: subprocess.Popen[str]) -> None:
    buyer = player(http, "ensilados-paracas")
    assert len(left_of_days(buyer)) == 1
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait(PATIENCE_SECONDS) == 0
    assert left_of_days(buyer) == []
