"""Spreadsheets for the tests: written as a person's program would write them, and read the same way."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import httpx

from services.listings.spreadsheet import COLUMNS, SideName
from tests.integration.listings.traders import COTTON, Json, Trader

OFFER: Json = {
    "external_id": "A-1",
    "material": COTTON,
    "title": "Retazos",
    "quantity_amount": "1.5",
    "quantity_unit": "t",
    "publish": "si",
}
WANT: Json = {
    "external_id": "W-1",
    "accepts": f"{COTTON}=0.8",
    "title": "Busco retazos",
    "minimum_amount": "300.25",
    "minimum_unit": "kg",
    "radius_km": "150",
    "publish": "si",
}
LINES: dict[SideName, Json] = {"offer": OFFER, "want": WANT}
AMOUNT: dict[SideName, str] = {"offer": "quantity_amount", "want": "minimum_amount"}


def sheet(side: SideName, rows: Sequence[Json], separator: str = ",") -> bytes:
    """A row says what differs from the plain line of its side."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS[side], delimiter=separator)
    writer.writeheader()
    writer.writerows(LINES[side] | row for row in rows)
    return text.getvalue().encode()


def numbered(count: int, **cells: str) -> list[Json]:
    return [{"external_id": f"A-{number}"} | cells for number in range(count)]


async def send(trader: Trader, side: SideName, content: bytes, headers: Json | None = None, **query: str) -> httpx.Response:
    named = {"content-type": "text/csv"} | (headers or {})
    return await trader.call("POST", f"/v1/{side}s/import", headers=named, content=content, params=query)


async def imported(trader: Trader, side: SideName, content: bytes, **query: str) -> Json:
    answer = await send(trader, side, content, **query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def listed(trader: Trader, side: SideName) -> dict[str, Json]:
    """My listings by external_id."""
    return {one["external_id"]: one for one in (await trader.get(f"/v1/{side}s", limit=100))["items"]}


def errors_of(report: Json) -> dict[int, dict[str, str]]:
    """What is wrong, by line and column."""
    found: dict[int, dict[str, str]] = {}
    for one in report["rejected"]:
        columns = found.setdefault(one["line"], {})
        for error in one["errors"]:
            columns[error["field"]] = f"{columns.get(error['field'], '')} {error['message']}".strip()
    return found


def cells_of(content: bytes, separator: str = ",") -> list[dict[str, str]]:
    """The rows of a file with a BOM."""
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=separator, strict=True))


def counts(report: Json) -> tuple[Any, Any, int]:
    return report["created"], report["updated"], len(report["rejected"])
