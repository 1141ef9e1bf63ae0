"""Spreadsheets in and out: import with a dry run, templates, and my listings as a file that opens in a spreadsheet."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from kit.input import WrongMediaType
from kit.web import Now, Session, UnitOfWork
from services.listings.routes.state import TheRules, Writer
from services.listings.service.importing import Report, import_sheet
from services.listings.service.sides import OFFERS, WANTS
from services.listings.spreadsheet import OFFER_COLUMNS, WANT_COLUMNS, read_sheet

router = APIRouter(tags=["spreadsheets"], route_class=UnitOfWork)
CSV = "text/csv"
BODY = {"requestBody": {"required": True, "content": {CSV: {"schema": {"type": "string"}}}}}
EXAMPLES = {
    "offer": "A-1,,textile.cotton_offcuts,Retazos de algodón,,1200,kg,recurring,si,,,350,t,B,,,si,si,no,no,no,no,si",
    "want": "W-1,,textile.cotton_offcuts=1; textile.mixed_offcuts=0.8,Busco retazos,,500,kg,2000,kg,si,recurring,120,450,t,C,,,si",
}


class LineError(BaseModel):
    field: str
    message: str


class RejectedLine(BaseModel):
    """line: as a spreadsheet counts, the header is 1; field: the column."""

    line: int
    errors: list[LineError]


class ImportReport(BaseModel):
    created: int
    updated: int
    rejected: list[RejectedLine]


async def _import(
    side_name: str, request: Request, caller: Writer, session: Session, rules: TheRules, now: Now, dry_run: bool
) -> ImportReport:
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != CSV:
        raise WrongMediaType(f"send the spreadsheet as {CSV}")
    side = OFFERS if side_name == "offer" else WANTS
    sheet = read_sheet(await request.body(), side_name)
    savepoint = await session.begin_nested()
    report = await import_sheet(session, rules, side, caller.organisation_id, sheet, now)
    await (savepoint.rollback() if dry_run else savepoint.commit())
    return _shown(report)


def _shown(report: Report) -> ImportReport:
    rejected = [
        RejectedLine(line=line, errors=[LineError(field=one.field, message=one.message) for one in errors])
        for line, errors in report.rejected
    ]
    return ImportReport(created=report.created, updated=report.updated, rejected=rejected)


DryRun = Annotated[bool, Query(description="Say what would happen, and write nothing")]


@router.post("/v1/offers/import", openapi_extra=BODY)
async def import_offers(
    request: Request, caller: Writer, session: Session, rules: TheRules, now: Now, dry_run: DryRun = False
) -> ImportReport:
    """Offers from a CSV file, by `external_id`: good lines are written in one transaction, the others are named."""
    return await _import("offer", request, caller, session, rules, now, dry_run)


@router.post("/v1/wants/import", openapi_extra=BODY)
async def import_wants(
    request: Request, caller: Writer, session: Session, rules: TheRules, now: Now, dry_run: DryRun = False
) -> ImportReport:
    """Wants from a CSV file, by `external_id`."""
    return await _import("want", request, caller, session, rules, now, dry_run)


@router.get("/v1/offers/import/template", response_class=Response)
async def offers_template() -> Response:
    """An empty spreadsheet of offers with one example line."""
    return _template("offer", OFFER_COLUMNS)


@router.get("/v1/wants/import/template", response_class=Response)
async def wants_template() -> Response:
    """An empty spreadsheet of wants with one example line."""
    return _template("want", WANT_COLUMNS)


def _template(side: str, columns: tuple[str, ...]) -> Response:
    """With BOM, because Excel reads UTF-8 by it."""
    text = f"{','.join(columns)}\r\n{EXAMPLES[side]}\r\n"
    headers = {"Content-Disposition": f'attachment; filename="ayni-{side}s.csv"'}
    return Response(text.encode("utf-8-sig"), media_type=f"{CSV}; charset=utf-8", headers=headers)
