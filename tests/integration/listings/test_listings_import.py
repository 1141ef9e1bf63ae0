"""The import of spreadsheets: good lines in one transaction, bad ones named with what to change, the same again without effect."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kit.database import Sessions
from kit.input import MAX_IMPORT_BYTES
from services.listings.spreadsheet import SideName
from tests.integration.listings.conftest import Joins
from tests.integration.listings.sheets import AMOUNT, OFFER, WANT, counts, errors_of, imported, listed, numbered, send, sheet
from tests.integration.listings.traders import COTTON, FakeClock, Trader, at, kilo, problem, types_told, written

SIDES: tuple[SideName, ...] = ("offer", "want")
BOTH = pytest.mark.parametrize("side", SIDES)


@BOTH
async def test_line_7_is_wrong_and_the_others_are_written(holder: Trader, side: SideName) -> None:
    rows = numbered(9)
    rows[5] |= {AMOUNT[side]: "mucho"}
    report = await imported(holder, side, sheet(side, rows))
    assert counts(report) == (8, 0, 1)
    assert list(errors_of(report)) == [7]
    assert "write 1200.5" in errors_of(report)[7][AMOUNT[side]]
    assert sorted(await listed(holder, side)) == [f"A-{number}" for number in range(9) if number != 5]


@BOTH
async def test_the_same_again_in_any_dress_touches_nothing(sessions: Sessions, holder: Trader, side: SideName) -> None:
    rows = numbered(3, available_until="2027-03-31", price_amount="-20.5", price_per="t") if side == "offer" else numbered(3)
    assert counts(await imported(holder, side, sheet(side, rows))) == (3, 0, 0)
    stood = await written(sessions)
    spanish = sheet(side, rows, ";").replace(b"2027-03-31", b"31/03/2027").replace(b"1.5", b"1,50").replace(b"-20.5", b"-20,500")
    spanish = b"\xef\xbb\xbfsep=;\r\n" + spanish.replace(b"300.25", b"300,25").replace(b";si\r\n", b";VERDADERO;;;\r\n") + b";;;;\r\n\r\n"
    for content in (sheet(side, rows), spanish, spanish.replace(b"\r\n", b"\n")):
        assert counts(await imported(holder, side, content)) == (0, 0, 0)
    assert await written(sessions) == stood


@BOTH
async def test_a_changed_row_is_one_update_one_version_and_one_event(sessions: Sessions, holder: Trader, side: SideName) -> None:
    await imported(holder, side, sheet(side, numbered(4)))
    before = await listed(holder, side)
    rows = numbered(4)
    rows[2] |= {AMOUNT[side]: "777.5"}
    assert counts(await imported(holder, side, sheet(side, rows))) == (0, 1, 0)
    after = await listed(holder, side)
    assert {name for name in after if after[name]["version"] != before[name]["version"]} == {"A-2"}
    assert await types_told(sessions, after["A-2"]) == [f"{side}.published", f"{side}.changed"]


@BOTH
async def test_a_dry_run_answers_the_same_and_leaves_nothing_behind(sessions: Sessions, holder: Trader, side: SideName) -> None:
    await imported(holder, side, sheet(side, numbered(2, title="Como estaba")))
    rows = [*numbered(4), {"external_id": "A-9", AMOUNT[side]: "-4"}]
    stood = await written(sessions)
    trial = await send(holder, side, sheet(side, rows), {"Idempotency-Key": "una-vez"}, dry_run="true")
    assert counts(trial.json()) == (2, 2, 1)
    assert await written(sessions) == stood
    in_earnest = await send(holder, side, sheet(side, rows), {"Idempotency-Key": "una-vez"})
    assert in_earnest.json() == trial.json()
    assert len(await listed(holder, side)) == 4


async def test_a_key_keeps_the_answer_of_an_import_in_earnest(holder: Trader) -> None:
    first = await send(holder, "offer", sheet("offer", numbered(2)), {"Idempotency-Key": "una-vez"})
    again = await send(holder, "offer", sheet("offer", numbered(2)), {"Idempotency-Key": "una-vez"})
    assert first.json() == again.json() == {"created": 2, "updated": 0, "rejected": []}
    assert again.headers["idempotent-replayed"] == "true"


async def test_all_that_is_wrong_with_a_line_is_said_at_once(holder: Trader) -> None:
    wrong = {
        "external_id": "A-1",
        "material": "textile.coton_offcuts",
        "title": "",
        "quantity_amount": "1,200",
        "quantity_unit": "lb",
        "rhythm": "a veces",
        "divisible": "tal vez",
        "minimum_lot_unit": "kg",
        "price_per": "t",
        "grade": "E",
        "available_from": "05/03/2027",
        "available_until": "46112",
        "post_consumer": "=1",
    }
    found = errors_of(await imported(holder, "offer", sheet("offer", [wrong])))[2]
    assert found.keys() == wrong.keys() - {"external_id", "minimum_lot_unit", "price_per"} | {"minimum_lot_amount", "price_amount"}
    assert "textile.cotton_offcuts" in found["material"], "the nearest codes are named"
    assert found["title"] == "is missing: add it"
    assert "'kg', 't', 'm3', 'L' or 'unit'" in found["quantity_unit"]
    assert "formula" in found["post_consumer"]


async def test_all_that_is_wrong_with_a_want_is_said_at_once(holder: Trader) -> None:
    wrong = {
        "accepts": "textile.coton=mucho; x.y",
        "minimum_amount": "",
        "radius_km": "lejos",
        "max_price_amount": "S/ 5",
        "min_grade": "9",
    }
    found = errors_of(await imported(holder, "want", sheet("want", [wrong])))[2]
    assert found.keys() == wrong.keys()
    assert "code=0.8" in found["accepts"]


@BOTH
async def test_a_line_without_its_own_name_and_a_name_that_is_taken_are_refused(holder: Trader, side: SideName) -> None:
    report = await imported(
        holder, side, sheet(side, [{"external_id": ""}, {"external_id": "A-1"}, {"external_id": "A-1"}, {"external_id": "1,2E+15"}])
    )
    found = errors_of(report)
    assert counts(report) == (1, 0, 3)
    assert "is empty" in found[2]["external_id"]
    assert "line 3 already" in found[4]["external_id"]
    assert "format the column as text" in found[5]["external_id"]


@BOTH
async def test_a_second_header_is_a_line_to_delete(holder: Trader, side: SideName) -> None:
    content = sheet(side, numbered(2))
    twice = content.split(b"\r\n")[0] + b"\r\n" + content
    report = await imported(holder, side, twice)
    assert counts(report) == (2, 0, 1)
    assert "repeats the names of the columns: delete it" in errors_of(report)[2]["external_id"]


@BOTH
@pytest.mark.parametrize("formula", ["=1+1", '=HYPERLINK("http://example.pe","ver")', "@SUM(A1)", "=cmd|' /C calc'!A0"])
async def test_a_formula_is_refused_with_its_column(holder: Trader, side: SideName, formula: str) -> None:
    found = errors_of(await imported(holder, side, sheet(side, [{"title": formula}, {AMOUNT[side]: formula}])))
    assert "as a formula does" in found[2]["title"]
    assert "as a formula does" in found[3][AMOUNT[side]]
    assert await listed(holder, side) == {}


@BOTH
async def test_text_behind_an_apostrophe_is_text(holder: Trader, side: SideName) -> None:
    await imported(holder, side, sheet(side, [{"title": "'=1+1", "description": "-20 °C, +51 999"}]))
    found = (await listed(holder, side))["A-1" if side == "offer" else "W-1"]
    assert (found["title"], found["description"]) == ("=1+1", "-20 °C, +51 999")


@BOTH
@pytest.mark.parametrize(
    ("spoil", "status", "word"),
    [
        (lambda content: content.replace(b"etazos", b"etaz\xf3n"), 400, "CSV UTF-8"),
        (lambda content: content.decode().encode("utf-16"), 400, "UTF-16"),
        (lambda content: content.replace(b",title", b""), 422, "title"),
        (lambda content: content.replace(b",title", b",titulo"), 422, "titulo"),
        (lambda content: content.replace(b",description", b",title"), 422, "stands twice"),
        (lambda content: b"Mis retazos\r\n" + content, 422, "line 2"),
        (lambda content: b"", 400, "first line is empty"),
    ],
)
async def test_a_file_that_cannot_be_read_says_what_to_change_and_writes_nothing(
    sessions: Sessions, holder: Trader, side: SideName, spoil: object, status: int, word: str
) -> None:
    assert callable(spoil)
    stood = await written(sessions)
    answer = await send(holder, side, spoil(sheet(side, numbered(3))))
    assert word in problem(answer, status)["detail"]
    assert await written(sessions) == stood


async def test_a_file_beyond_the_limit_is_413_and_one_below_it_is_read(holder: Trader) -> None:
    line = sheet("offer", [{"description": "x" * 3900}]).split(b"\r\n")[1] + b"\r\n"
    content = sheet("offer", []) + line * (MAX_IMPORT_BYTES // len(line))
    assert len(content) + len(line) > MAX_IMPORT_BYTES
    assert len((await imported(holder, "offer", content, dry_run="true"))["rejected"]) > 2000, "all but the first repeat its name"
    problem(await send(holder, "offer", content + line), 413)


async def test_other_media_are_415_and_say_which(holder: Trader) -> None:
    for media in ("application/json", "application/vnd.ms-excel", "multipart/form-data; boundary=x", ""):
        answer = await send(holder, "offer", sheet("offer", numbered(1)) if media != "application/json" else b"{}", {"content-type": media})
        assert "text/csv" in problem(answer, 415)["detail"]


async def test_a_refused_line_leaves_a_known_listing_as_it_was(sessions: Sessions, holder: Trader) -> None:
    """Its end has passed: it cannot be published, so nothing of the line is written."""
    await imported(holder, "offer", sheet("offer", [{"publish": ""}]))
    stood = await written(sessions)
    line = {"title": "Otro", "available_from": "2026-01-01", "available_until": "2026-02-01"}
    report = await imported(holder, "offer", sheet("offer", [line]))
    assert "has passed" in errors_of(report)[2]["available_until"]
    assert await written(sessions) == stood


async def test_empty_cells_are_defaults_for_a_new_listing_and_null_for_a_known_one(holder: Trader) -> None:
    full = {
        "description": "limpios",
        "price_amount": "350",
        "grade": "b",
        "available_from": at(days=1),
        "divisible": "no",
        "post_consumer": "no",
    }
    await imported(holder, "offer", sheet("offer", [{"external_id": "A-1"} | full, {"external_id": "A-2"}]))
    plain = (await listed(holder, "offer"))["A-2"]
    assert (plain["divisible"], plain["rhythm"], plain["price"], plain["available_from"]) == (True, "one_off", None, at())
    await imported(holder, "offer", sheet("offer", [{"external_id": "A-1"}]))
    emptied = (await listed(holder, "offer"))["A-1"]
    assert (emptied["description"], emptied["price"], emptied["grade"], emptied["divisible"]) == ("", None, None, True)
    assert "post_consumer" in emptied["facts_presumed"]
    assert emptied["available_from"] == at(days=1), "an empty beginning keeps what it has"


async def test_days_are_those_of_the_country_and_an_end_lasts_through_its_day(holder: Trader) -> None:
    await imported(holder, "offer", sheet("offer", [{"available_from": "2026-12-01", "available_until": "31/12/2026"}]))
    found = (await listed(holder, "offer"))["A-1"]
    assert (found["available_from"], found["available_until"]) == ("2026-12-01T05:00:00Z", "2027-01-01T04:59:59Z")


async def test_publish_publishes_a_new_or_draft_listing_and_no_other(sessions: Sessions, holder: Trader) -> None:
    await imported(holder, "offer", sheet("offer", [{"publish": "no"}]))
    drafted = (await listed(holder, "offer"))["A-1"]
    assert drafted["state"] == "draft"
    assert counts(await imported(holder, "offer", sheet("offer", [{}]))) == (0, 1, 0)
    assert (await holder.read(drafted))["state"] == "published"
    await holder.post(f"/v1/offers/{drafted['id']}/withdraw")
    assert counts(await imported(holder, "offer", sheet("offer", [{}]))) == (0, 0, 0)
    assert (await holder.read(drafted))["state"] == "withdrawn"
    assert await types_told(sessions) == ["offer.published", "offer.withdrawn"]


async def test_a_site_is_named_by_name_or_id_and_two_of_one_name_by_id_only(holder: Trader) -> None:
    places = {"Almacén": -12.1, "Doble": -12.2, "doble ": -12.3}
    sites = {name: await holder.post("/v1/sites", {"name": name, "latitude": south, "longitude": -76.9}) for name, south in places.items()}
    rows = [
        {"external_id": "A-1", "site": "ALMACÉN"},
        {"external_id": "A-2", "site": str(sites["Doble"]["id"])},
        {"external_id": "A-3", "site": "Doble"},
        {"external_id": "A-4", "site": "Nave 3"},
        {"external_id": "A-5", "site": ""},
    ]
    report = await imported(holder, "offer", sheet("offer", rows))
    found, made = errors_of(report), await listed(holder, "offer")
    assert {name: one["site_id"] for name, one in made.items()} == {"A-1": sites["Almacén"]["id"], "A-2": sites["Doble"]["id"]}
    assert str(sites["Doble"]["id"]) in found[4]["site"]
    assert "Almacén" in found[5]["site"], "mine are named"
    assert "say which" in found[6]["site"]
    again = [{"external_id": "A-1", "site": ""}]
    assert counts(await imported(holder, "offer", sheet("offer", again))) == (0, 0, 0), "a known one stays where it is"


async def test_new_terms_by_import_void_an_open_acceptance_and_a_new_title_does_not(
    sessions: Sessions, holder: Trader, seeker: Trader
) -> None:
    facts = {"own_process_by_product": "si", "directly_usable": "si", "post_consumer": "no"}
    await imported(holder, "offer", sheet("offer", [facts]))
    offer, want = (await listed(holder, "offer"))["A-1"], await seeker.want()
    deal = await seeker.answered(offer, want, "accept")
    await imported(holder, "offer", sheet("offer", [facts | {"title": "Otro"}]))
    assert "deal.voided" not in await types_told(sessions)
    await imported(holder, "offer", sheet("offer", [facts | {"title": "Otro", "price_amount": "77"}]))
    assert (await types_told(sessions))[-2:] == ["deal.voided", "offer.changed"], "deal.* before offer.*"
    assert (await holder.get("/v1/deals"))["items"][0]["id"] == deal["id"]


async def test_what_deals_have_taken_cannot_be_undercut(holder: Trader, seeker: Trader) -> None:
    facts = {"own_process_by_product": "si", "directly_usable": "si", "post_consumer": "no"}
    await imported(holder, "offer", sheet("offer", [facts]))
    offer, want = (await listed(holder, "offer"))["A-1"], await seeker.want()
    await seeker.answered(offer, want, "accept", quantity_kg="700")
    await holder.answered(offer, want, "accept")
    found = errors_of(await imported(holder, "offer", sheet("offer", [facts | {"quantity_amount": "0.5"}])))
    assert "700 kg" in found[2]["quantity_amount"]


async def test_a_name_of_anothers_listing_is_free_and_anothers_id_is_no_name(holder: Trader, stranger: Trader) -> None:
    theirs = await stranger.offer()
    await imported(holder, "offer", sheet("offer", [{"external_id": theirs["id"]}, {"external_id": "A-2"}]))
    await imported(stranger, "offer", sheet("offer", [{"external_id": "A-2", "title": "Ajeno"}]))
    assert (await stranger.read(theirs))["title"] == theirs["title"]
    assert (await listed(holder, "offer"))["A-2"]["title"] == "Retazos"
    assert theirs["id"] in await listed(holder, "offer")


async def test_a_key_without_the_scope_is_403(holder: Trader) -> None:
    holder.scopes = frozenset({"listings:read"})
    assert "listings:write" in problem(await send(holder, "offer", sheet("offer", [{}])), 403)["detail"]


async def test_a_thousand_lines_with_a_thousand_changes_are_told_in_their_order(sessions: Sessions, holder: Trader) -> None:
    rows = [OFFER | {"external_id": f"A-{number:04}"} for number in range(1200)]
    assert counts(await imported(holder, "offer", sheet("offer", rows))) == (1200, 0, 0)
    changed = [row | {"title": f"{row['title']} {row['external_id']}"} for row in rows]
    assert counts(await imported(holder, "offer", sheet("offer", changed))) == (0, 1200, 0)
    assert await types_told(sessions) == ["offer.published"] * 1200 + ["offer.changed"] * 1200


async def test_templates_are_imported_as_they_stand_in_both_separators(holder: Trader) -> None:
    for side in SIDES:
        for separator, expected in (("comma", (1, 0, 0)), ("semicolon", (0, 0, 0))):
            template = await holder.call("GET", f"/v1/{side}s/import/template", params={"separator": separator})
            assert template.headers["content-type"] == "text/csv; charset=utf-8"
            assert "attachment" in template.headers["content-disposition"]
            assert template.content.startswith(b"\xef\xbb\xbf")
            assert counts(await imported(holder, side, template.content)) == expected
        assert [one["state"] for one in (await listed(holder, side)).values()] == ["draft"]


async def test_an_unknown_separator_is_422(holder: Trader) -> None:
    problem(await holder.call("GET", "/v1/offers/import/template?separator=tab"), 422, "separator")


async def test_the_description_documents_import_templates_and_export(holder: Trader) -> None:
    document = (await holder.http.get("/openapi.json")).json()
    for side in SIDES:
        body = document["paths"][f"/v1/{side}s/import"]["post"]["requestBody"]["content"]["text/csv"]
        assert counts(await imported(holder, side, body["example"].encode())) == (1, 0, 0)
        for path in ("import/template", "export"):
            assert "text/csv" in document["paths"][f"/v1/{side}s/{path}"]["get"]["responses"]["200"]["content"]


async def test_the_clock_of_the_part_decides_what_has_passed(holder: Trader, clock: FakeClock) -> None:
    clock.now = datetime(2027, 4, 1, 5, 0, tzinfo=UTC)  # midnight in Lima
    report = await imported(holder, "offer", sheet("offer", [{"available_until": "2027-03-31"}]))
    assert "has passed" in errors_of(report)[2]["available_until"]


async def test_a_want_is_read_as_it_is_written(holder: Trader) -> None:
    line = WANT | {"accepts": f"{COTTON}; textile.mixed_offcuts=0,75", "maximum_amount": "2", "maximum_unit": "T", "accept_partial": "SI"}
    await imported(holder, "want", sheet("want", [line], ";"))
    found = (await listed(holder, "want"))["W-1"]
    assert found["accepts"] == [{"material": COTTON, "weight": 1.0}, {"material": "textile.mixed_offcuts", "weight": 0.75}]
    assert (found["minimum"], found["maximum"], found["accept_partial"]) == (kilo("300.25"), kilo("2", "t"), True)


async def test_organisations_import_side_by_side(sessions: Sessions, joins: Joins) -> None:
    for trader in (await joins(), await joins()):
        assert counts(await imported(trader, "offer", sheet("offer", numbered(2)))) == (2, 0, 0)
