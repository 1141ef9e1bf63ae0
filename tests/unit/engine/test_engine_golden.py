"""A golden ranking: an offer of PET flakes in Lima and sixteen wants over Peru, ranked once by the plain reference and kept in
golden_ranking.json. A change of it is a new score version (matching.md): nobody's list may move for any other reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest

from services.matching.engine import Index, OfferRow, Ranking, WantRow
from tests.unit.engine.markets import TERMS

Row = TypeVar("Row", OfferRow, WantRow)
GOLDEN = json.loads(Path(__file__).with_name("golden_ranking.json").read_text())
READERS: dict[str, Callable[[Any], Any]] = {
    "UUID": UUID,
    "Decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "tuple[float, ...]": tuple,
}


def row_of(kind: type[Row], written: dict[str, Any]) -> Row:
    """A row from JSON: ids, decimals and times are strings there."""

    def read(name: str, type_name: str) -> Any:
        value, reader = written[name], READERS.get(type_name.removesuffix(" | None"))
        return value if value is None or reader is None else reader(value)

    return kind(**{field.name: read(field.name, str(field.type)) for field in fields(kind)})


@pytest.fixture(scope="module")
def index() -> Index:
    found = Index(2, TERMS)
    found.put_offer(row_of(OfferRow, GOLDEN["offer"]))
    for want in GOLDEN["wants"]:
        found.put_want(row_of(WantRow, want))
    return found


def test_the_golden_list_stays_as_it_is(index: Index) -> None:
    assert shown(index.rank_offer(UUID(GOLDEN["offer"]["id"]))) == expected("open")


def test_the_golden_list_of_what_the_law_blocks_stays_as_it_is(index: Index) -> None:
    assert shown(index.blocked_offer(UUID(GOLDEN["offer"]["id"]))) == expected("blocked")


def expected(name: str) -> list[tuple[Any, ...]]:
    return [(one["id"], pytest.approx(one["score"], abs=1e-9), one["distance_km"], one["quantity_kg"]) for one in GOLDEN[name]]


def shown(ranking: Ranking) -> list[tuple[Any, ...]]:
    numbers = (ranking.scores.tolist(), ranking.distances_km.tolist(), ranking.quantities_kg.tolist())
    return [(str(id), score, round(km, 6), kg) for id, score, km, kg in zip(ranking.ids, *numbers, strict=True)]
