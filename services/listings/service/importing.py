"""Importing a spreadsheet: all its good lines in one transaction, its bad ones named, the same file again without effect.

Load-bearing: a line equal to what is stored is found equal before anything is written, so that it grows no version and tells no event.
Lines are read, looked up and written some hundreds at a time: the transaction is never idle for long, and the loop is never held for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.countries import Country
from kit.ids import new_id
from kit.problems import Conflict, FieldError, Problem
from kit.web import field_error
from services.listings.listing import Listing
from services.listings.organisation import Site
from services.listings.repository import deals as deals_repository
from services.listings.repository import listings as repository
from services.listings.repository.organisations import sites_of
from services.listings.rules import Rules
from services.listings.schemas import ListingDraft
from services.listings.service.drafting import site_for
from services.listings.service.market import put_draft, settled_event, void_acceptances
from services.listings.service.sides import Side
from services.listings.service.telling import Telling, share_organisations
from services.listings.spreadsheet import Read, Reader, Row, Sheet, Sites, column_of, external_id_of, is_cut_short

LINES_AT_ONCE = 500
LINES_WITHOUT_PAUSE = 25  # a few milliseconds: others have their turn in between


class ImportAtWork(Conflict):
    slug, title = "import-at-work", "Another import of yours is at work"


class LineRefused(Exception):
    """What is wrong with one line."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__(*errors)
        self.errors = list(errors)


@dataclass(slots=True)
class Report:
    """What an import did, or would do."""

    created: int = 0
    updated: int = 0
    rejected: list[tuple[int, list[FieldError]]] = field(default_factory=list)


@dataclass(slots=True)
class Import:
    """One file on its way. seen: the line on which a name was first; unchanged: of the lines in hand, listings that are as they say."""

    session: AsyncSession
    rules: Rules
    side: Side[Any, Any]
    owner: UUID
    land: Country
    sites: list[Site]
    reader: Reader
    now: datetime
    telling: Telling
    report: Report = field(default_factory=Report)
    seen: dict[str, int] = field(default_factory=dict)
    unchanged: list[UUID] = field(default_factory=list)

    async def take(self, rows: Sequence[Row]) -> None:
        """Some lines: looked up, judged, written."""
        names = [name for row in rows if (name := external_id_of(row)) is not None]
        known = await repository.by_own_names(self.session, self.side.kind, self.owner, names)
        made: list[Listing] = []
        with_new_terms: list[Listing] = []
        for number, row in enumerate(rows):
            if number % LINES_WITHOUT_PAUSE == 0:
                await asyncio.sleep(0)
            try:
                self._take(row, known, made, with_new_terms)
            except LineRefused as refusal:
                self.report.rejected.append((row.line, refusal.errors))
        await self._write(made, with_new_terms)

    async def _write(self, made: list[Listing], with_new_terms: list[Listing]) -> None:
        """deal.* before offer.* and want.* (design.md, Answers)."""
        ids = [listing.id for listing in with_new_terms]
        accepted = await deals_repository.with_open_acceptances(self.session, self.side.kind, ids) if ids else set()
        for listing in with_new_terms:
            if listing.id in accepted:
                await void_acceptances(self.session, self.rules, listing, self.owner, self.now)
        await self.session.flush()
        await repository.add_listings(self.session, made)
        await repository.confirm_listings(self.session, self.side.kind, self.unchanged, self.now)
        self.unchanged.clear()
        await self.telling.record()

    def _take(self, row: Row, known: dict[str, Any], made: list[Listing], with_new_terms: list[Listing]) -> None:
        read, name = self.reader.read(row), external_id_of(row)
        if name is not None and (first := self.seen.setdefault(name, row.line)) != row.line:
            read.errors.append(FieldError("external_id", f"stands on line {first} already: keep one of the two"))
        stored = None if name is None else known.get(name)
        if stored is None and name is not None and is_cut_short(name):
            read.errors.append(
                FieldError("external_id", f"{name!r} is a long number cut short by the spreadsheet: format the column as text")
            )
        draft = self._draft(read, stored)
        try:
            if stored is None:
                made.append(self._make(draft, read.is_to_publish))
            else:
                self._change(stored, draft, read.is_to_publish, with_new_terms)
        except Problem as problem:
            found = list(problem.errors) or [FieldError("publish", problem.detail)]
            raise LineRefused(*(FieldError(column_of(one.field), one.message) for one in found)) from None

    def _draft(self, read: Read, stored: Listing | None) -> Any:
        """Raises LineRefused with all that is wrong."""
        draft, errors = None, list(read.errors)
        try:
            draft = self.side.draft.model_validate(read.fields | self._kept(read.fields, stored))
        except ValidationError as error:
            found = {column_of(one.field): one for one in reversed([*map(field_error, error.errors())]) if not read.covers(one.field)}
            errors += [FieldError(column, one.message) for column, one in reversed(found.items())]
        if errors:
            raise LineRefused(*errors, *self._unknown_materials(read.fields))
        return draft

    def _unknown_materials(self, fields: dict[str, Any]) -> Iterator[FieldError]:
        """Said at once, where the line is refused for something else before its materials are looked up."""
        column = "material" if "material" in fields else "accepts"
        codes = [fields["material"]] if "material" in fields else [entry["material"] for entry in fields.get("accepts", ())]
        return (self.rules.unknown_material(column, code) for code in codes if self.rules.catalogue.get(code) is None)

    def _kept(self, fields: dict[str, Any], stored: Listing | None) -> dict[str, Any]:
        """Of a known listing, what an empty cell leaves as it is: its beginning, and among several sites its own."""
        if stored is None:
            return {}
        begin = f"{self.side.end_field.partition('_')[0]}_from"
        kept = {begin: fields.get(begin) or getattr(stored, begin), "external_id": stored.external_id}
        return kept | ({"site_id": fields.get("site_id") or stored.site_id} if len(self.sites) > 1 else {})

    def _make(self, draft: Any, is_to_publish: bool) -> Listing:
        listing: Listing = self.side.blank(new_id(), self.owner, self.now)
        self._check_end(draft, is_to_publish)
        self.side.write(listing, draft, site_for(draft, self.sites), self.rules, self.land, self.now)
        if is_to_publish:
            self._publish(listing)
        self.report.created += 1
        return listing

    def _change(self, listing: Any, draft: Any, is_to_publish: bool, with_new_terms: list[Listing]) -> None:
        site, is_to_publish = site_for(draft, self.sites), is_to_publish and listing.state == "draft"
        self._check_end(draft, is_to_publish)
        rewritten = None
        if same_draft(self.side, listing, draft.model_copy(update={"site_id": site.id})):
            self.unchanged.append(listing.id)
        else:
            rewritten = put_draft(self.session, self.rules, self.side, listing, self.land, site, draft, self.now)
        if rewritten is not None and rewritten.has_new_terms:
            with_new_terms.append(listing)
        if is_to_publish:
            self._publish(listing)
        elif rewritten is not None and (event := settled_event(listing, rewritten.state_before)) is not None:
            self.telling.tell(event, listing)
        self.report.updated += is_to_publish or rewritten is not None

    def _check_end(self, draft: Any, is_to_publish: bool) -> None:
        """Before anything is written: a refused line changes nothing."""
        end = getattr(draft, self.side.end_field)
        if is_to_publish and end is not None and end <= self.now:
            raise LineRefused(FieldError(self.side.end_field, "has passed already: put it into the future, or leave it empty"))

    def _publish(self, listing: Any) -> None:
        listing.publish(self.now)
        self.side.judge(listing, self.rules, self.land, self.now)
        self.telling.tell(self.side.events["publish"], listing)


def same_draft(side: Side[Any, Any], listing: Listing, draft: ListingDraft) -> bool:
    """Whether the line says what is stored; presumed facts are left out on both sides."""
    stored, stated = side.draft_of(listing).model_dump(exclude_none=True), draft.model_dump(exclude_none=True)
    return bool(stored == stated)


async def import_sheet(session: AsyncSession, rules: Rules, side: Side[Any, Any], owner: UUID, sheet: Sheet, now: datetime) -> Report:
    """All lines of a sheet. The caller's transaction keeps, or (a dry run) forgets, what was written.

    Raises 409 where another import of this side is at work, and IntegrityError where another call takes a name of this file meanwhile."""
    await _begin_alone(session, owner, side)
    organisation = (await share_organisations(session, owner))[owner]
    sites, land = await sites_of(session, owner), rules.country(organisation.country)
    reader = Reader(side.name, sheet.habits, land.timezone, Sites.of({str(site.id): site.name for site in sites}))
    work = Import(session, rules, side, owner, land, sites, reader, now, await Telling.begin(session, rules, owner, now))
    with session.no_autoflush:
        for start in range(0, len(sheet.rows), LINES_AT_ONCE):
            await work.take(sheet.rows[start : start + LINES_AT_ONCE])
    return work.report


async def _begin_alone(session: AsyncSession, owner: UUID, side: Side[Any, Any]) -> None:
    """Two imports of one side would take the same names, and wait for each other's rows in a ring."""
    lock = text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    if not (await session.execute(lock, {"name": f"import of {side.name}s/{owner}"})).scalar_one():
        raise ImportAtWork(f"an import of your {side.name}s is at work: send this file when it has ended", headers={"Retry-After": "5"})
