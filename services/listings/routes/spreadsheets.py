"""Spreadsheets in and out: import with a dry run, templates, and my listings as a file that opens in a spreadsheet."""

# No postponed annotations here: the states are the factory's own argument.
import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from contracts import listings as public
from kit.csv_cells import BYTE_ORDER_MARK, MEDIA_TYPE, SEPARATORS, SeparatorName, csv_file, csv_lines
from kit.database import Sessions
from kit.input import WrongMediaType
from kit.web import Now, Session, UnitOfWork, trial
from services.listings.repository import listings as repository
from services.listings.repository.organisations import organisation_of, sites_of
from services.listings.routes.state import Reader, TheRules, TheSessions, Writer
from services.listings.service.importing import Report, import_sheet
from services.listings.service.sides import OFFERS, WANTS, Side
from services.listings.spreadsheet import COLUMNS, SideName, Sites, read_sheet
from services.listings.spreadsheet import Writer as SheetWriter

imports = APIRouter(tags=["spreadsheets"], route_class=UnitOfWork)
exports = APIRouter(tags=["spreadsheets"])
LINES_AT_ONCE = 200
SIDES: dict[SideName, Side[Any, Any]] = {"offer": OFFERS, "want": WANTS}
EXAMPLES: dict[SideName, dict[str, str]] = {
    "offer": {
        "external_id": "A-1",
        "material": "textile.cotton_offcuts",
        "title": "Retazos de algodón",
        "quantity_amount": "1200.5",
        "quantity_unit": "kg",
        "rhythm": "recurring",
        "divisible": "si",
        "price_amount": "350",
        "price_per": "t",
        "grade": "B",
        "own_process_by_product": "si",
        "directly_usable": "si",
        "post_consumer": "no",
        "publish": "no",
    },
    "want": {
        "external_id": "W-1",
        "accepts": "textile.cotton_offcuts; textile.mixed_offcuts=0.8",
        "title": "Busco retazos",
        "minimum_amount": "500",
        "minimum_unit": "kg",
        "maximum_amount": "2000.5",
        "maximum_unit": "kg",
        "accept_partial": "si",
        "rhythm": "recurring",
        "radius_km": "120",
        "max_price_amount": "450",
        "max_price_per": "t",
        "min_grade": "C",
        "publish": "no",
    },
}
Separator = Annotated[SeparatorName, Query(description="What stands between the cells; with semicolons decimals have a comma")]
DryRun = Annotated[bool, Query(description="Say what would happen, and write nothing")]


class LineError(BaseModel):
    """field: the column; message: what is wrong with its cell, and what to change."""

    field: str
    message: str


class RejectedLine(BaseModel):
    """line: as a spreadsheet counts, the header is 1."""

    line: int
    errors: list[LineError]


class ImportReport(BaseModel):
    """Lines that are equal to what is stored are in none of the three."""

    created: int
    updated: int
    rejected: list[RejectedLine]


def _shown(report: Report) -> ImportReport:
    rejected = [
        RejectedLine(line=line, errors=[LineError(field=one.field, message=one.message) for one in errors])
        for line, errors in report.rejected
    ]
    return ImportReport(created=report.created, updated=report.updated, rejected=rejected)


def _body(side: SideName) -> dict[str, Any]:
    """The request as the public description has it, with a file that is imported as it stands."""
    example = _template_lines(side, "comma").decode()
    return {"requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": example}}}}


def _answer(side: SideName, description: str) -> dict[int | str, dict[str, Any]]:
    example = _template_lines(side, "comma").decode()
    return {200: {"description": description, "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": example}}}}


def _template_lines(side: SideName, separator: SeparatorName) -> bytes:
    """The columns and one line, which is a draft if it is imported as it stands."""
    mark = "," if separator == "semicolon" else "."
    cells = {name: cell.replace(".", mark) if name.endswith("_amount") else cell for name, cell in EXAMPLES[side].items()}
    return csv_lines([COLUMNS[side], [cells.get(column, "") for column in COLUMNS[side]]], SEPARATORS[separator])


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _import_routes(side: SideName) -> None:
    path = f"/v1/{side}s"

    @imports.post(f"{path}/import", openapi_extra=_body(side), name=f"import_{side}s")
    async def take(request: Request, caller: Writer, session: Session, rules: TheRules, now: Now, dry_run: DryRun = False) -> ImportReport:
        """From a CSV file, by `external_id`: its good lines are written in one transaction, the others are named."""
        media = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if media != MEDIA_TYPE:
            raise WrongMediaType(f"send the spreadsheet as {MEDIA_TYPE}")
        sheet = await asyncio.to_thread(read_sheet, await request.body(), side)
        if not dry_run:
            return _shown(await import_sheet(session, rules, SIDES[side], caller.organisation_id, sheet, now))
        async with trial(request, session):
            return _shown(await import_sheet(session, rules, SIDES[side], caller.organisation_id, sheet, now))

    @imports.get(
        f"{path}/import/template",
        response_class=Response,
        responses=_answer(side, "The columns, and a line as an example"),
        name=f"template_of_{side}s",
    )
    async def template(separator: Separator = "comma") -> Response:
        """A spreadsheet to begin with: it is imported as it stands, and its one line becomes a draft."""
        content = BYTE_ORDER_MARK + _template_lines(side, separator)
        return Response(content, media_type=f"{MEDIA_TYPE}; charset=utf-8", headers=_as_file(f"ayni-{side}s.csv"))


def _export_route(side: SideName, states: Any) -> None:
    @exports.get(
        f"/v1/{side}s/export",
        response_class=StreamingResponse,
        responses=_answer(side, "One line a listing, in the columns of the import"),
        name=f"export_{side}s",
    )
    async def export(
        caller: Reader,
        sessions: TheSessions,
        rules: TheRules,
        now: Now,
        state: Annotated[states | None, Query()] = None,
        separator: Separator = "comma",
    ) -> StreamingResponse:
        """My listings as a spreadsheet, oldest first. What is exported is imported again without effect: change it there, and import it."""
        async with sessions.begin() as session:
            organisation = await organisation_of(session, caller.organisation_id)
            names = {str(site.id): site.name for site in await sites_of(session, caller.organisation_id)}
        writer = SheetWriter(SEPARATORS[separator], rules.country(organisation.country).timezone, Sites.of(names))
        pages = _pages(sessions, SIDES[side], caller.organisation_id, state, writer)
        name = f"ayni-{side}s-{rules.country(organisation.country).today(now)}.csv"
        lines = csv_file(COLUMNS[side], pages, writer.separator)
        return StreamingResponse(lines, media_type=f"{MEDIA_TYPE}; charset=utf-8", headers=_as_file(name))


async def _pages(
    sessions: Sessions, side: Side[Any, Any], owner: UUID, state: str | None, writer: SheetWriter
) -> AsyncIterator[Sequence[Sequence[str]]]:
    """In short transactions, in the order of ids: a slow reader holds nothing."""
    last: UUID | None = None
    while True:
        async with sessions.begin() as session:
            listings = await repository.my_listings_after(session, side.kind, owner, state, last, LINES_AT_ONCE)
        yield [writer.row(one) for one in listings]
        if len(listings) < LINES_AT_ONCE:
            return
        last = listings[-1].id


_import_routes("offer")
_import_routes("want")
_export_route("offer", public.OfferState)
_export_route("want", public.WantState)
