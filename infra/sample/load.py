"""Loading the sample market through the public door, as a client would: join, sites, offers, then wants.

Load-bearing: what an organisation has on the exchange already is never sent again, so that a load that was cut short is completed by
the next one, and what a visitor changed since stays as the visitor left it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import httpx

from contracts.countries import country
from infra.sample.market import SIDES, Line, SampleError, read_market, spreadsheet
from infra.sample.member import Member
from infra.sample.together import few_at_a_time

TIMEOUT_SECONDS = 60
PAGE = 100


async def load_sample(gateway_url: str) -> None:
    """The whole market into a running exchange. Raises SampleError where the files are wrong or the exchange refuses them."""
    now = datetime.now(UTC)
    async with httpx.AsyncClient(base_url=gateway_url, timeout=TIMEOUT_SECONDS) as client:
        members = [Member(client, organisation) for organisation in read_market()]
        today = country().today(now)
        await few_at_a_time(partial(member.join, today) for member in members)
        for side in SIDES:
            await few_at_a_time(partial(_import, member, side, now) for member in members)


async def _import(member: Member, side: str, now: datetime) -> None:
    lines = member.organisation.listings[side]
    if lines and not member.is_new:
        known = await _external_ids(member, side)
        lines = [line for line in lines if line.cells["external_id"] not in known]
    if not lines:
        return
    path, headers = f"/v1/{side}/import", {"Content-Type": "text/csv; charset=utf-8"}
    report = await member.ask("POST", path, content=spreadsheet(lines, now), headers=headers)
    if report["rejected"]:
        raise SampleError("; ".join(_refusal(side, lines, rejected) for rejected in report["rejected"]))


async def _external_ids(member: Member, side: str) -> set[str]:
    found: set[str] = set()
    query: dict[str, str] = {"mine": "true", "limit": str(PAGE)}
    while True:
        page = await member.ask("GET", f"/v1/{side}", params=query)
        found |= {item["external_id"] for item in page["items"]}
        if page["next"] is None:
            return found
        query["after"] = page["next"]


def _refusal(side: str, lines: Sequence[Line], rejected: dict[str, object]) -> str:
    """In the words of our file: the exchange counts the lines of what it was sent, whose header is 1."""
    line = lines[int(str(rejected["line"])) - 2]
    errors = rejected["errors"]
    assert isinstance(errors, list)
    said = ", ".join(f"{error['field']}: {error['message']}" for error in errors)
    return f"{side}.csv line {line.number} ({line.cells['external_id']}): {said}"
