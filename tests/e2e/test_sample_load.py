"""The sample market on the first start: loaded once, also where the load was cut short, and not again."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.embedded.postgres import free_port
from infra.sample.market import SampleOrganisation, read_market
from tests.e2e.running import Exchange
from tests.patience import until

LOADED_SECONDS = 400  # on cores that others use, too; alone it takes some ten


@pytest.fixture
def port() -> int:
    """One that is known before the exchange runs: it says where it is only when it is ready."""
    return free_port()


@pytest.fixture
def sampled(port: int) -> Iterator[Exchange]:
    folder = Path(tempfile.mkdtemp(prefix="ayni-e2e-"))
    folder.chmod(0o755)
    exchange = Exchange(folder, ("--port", str(port)), LOADED_SECONDS)
    yield exchange
    exchange.stop()
    shutil.rmtree(folder)


def token_of(gateway: str, organisation: SampleOrganisation) -> str | None:
    """None where it has not joined yet."""
    credentials = {"email": organisation.cells["email"], "password": organisation.password}
    try:
        answer = httpx.post(f"{gateway}/v1/sessions", json=credentials, timeout=90)
    except httpx.TransportError:
        return None
    return str(answer.json()["token"]) if answer.is_success else None


def snapshot(gateway: str, token: str, side: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{gateway}/v1/snapshot", params={"side": side}, headers={"Authorization": f"Bearer {token}"}, timeout=90)
    if answer.status_code == 503:
        return []
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def titles(organisations: list[SampleOrganisation], side: str) -> Counter[str]:
    lines = (line.cells for one in organisations for line in one.listings[f"{side}s"])
    return Counter(cells["title"] for cells in lines if cells["publish"] == "si")


def test_a_load_that_was_killed_is_completed_and_a_complete_one_is_left_alone(sampled: Exchange, port: int) -> None:
    organisations, gateway = read_market(), f"http://127.0.0.1:{port}"
    sampled.launch()
    token = until(lambda: token_of(gateway, organisations[0]), "the first of the sample has joined", LOADED_SECONDS)
    until(lambda: snapshot(gateway, token, "offer"), "some of the sample is loaded", LOADED_SECONDS)
    sampled.kill()
    assert not (sampled.folder / "var" / "running.json").exists()

    sampled.start()
    token = str(token_of(gateway, organisations[0]))
    loaded = {side: snapshot(gateway, token, side) for side in ("offer", "want")}
    for side, listings in loaded.items():
        assert Counter(one["title"] for one in listings) == titles(organisations, side)
    shown = until(lambda: (sampled.folder / "log").read_text().partition("score")[2].splitlines()[1:2], "what matched")
    assert "0.9" in shown[0]
    sampled.stop()

    sampled.start()
    token = str(token_of(gateway, organisations[0]))
    again = {one["id"]: one["version"] for side in loaded for one in snapshot(gateway, token, side)}
    assert again == {one["id"]: one["version"] for listings in loaded.values() for one in listings}
