"""Importing a spreadsheet: all its good lines in one transaction, its bad ones named, the same file again without effect.

Load-bearing: a line equal to what is stored is found equal before anything is written, so that it grows no version and tells no event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from kit.ids import new_id
from kit.problems import FieldError, Problem
from kit.web import field_error
from services.listings.listing import Listing
from services.listings.organisation import Organisation
from services.listings.repository import listings as repository
from services.listings.repository.organisations import sites_of
from services.listings.rules import Rules
from services.listings.schemas import ListingDraft
from services.listings.service.drafting import site_for
from services.listings.service.market import rewrite_listing
from services.listings.service.sides import Side
from services.listings.service.telling import Telling, share_organisations
from services.listings.spreadsheet import CellError, Reader, Row, Sheet, column_of


@dataclass(slots=True)
class Report:
    """What an import did, or would do."""

    created: int = 0
    updated: int = 0
    rejected: list[tuple[int, list[FieldError]]] = field(default_factory=list)


@dataclass(slots=True)
class Import:
    """One file on its way."""

    session: AsyncSession
    rules: Rules
    side: Side[Any, Any]
    organisation: Organisation
    reader: Reader
    sites: Sequence[Any]
    known: dict[str, Any]
    now: datetime
    telling: Telling
    report: Report = field(default_factory=Report)
    seen: dict[str, int] = field(default_factory=dict)

    async def take(self, row: Row) -> None:
        """One line: written, found equal, or rejected."""
        try:
            draft = self._draft(row)
            if draft.external_id in self.known:
                await self._rewrite(self.known[draft.external_id], draft, self.reader.wants_publication(row))
            else:
                self._create(draft, self.reader.wants_publication(row))
        except CellError as error:
            self.report.rejected.append((row.line, [FieldError(error.column, str(error))]))
        except ValidationError as error:
            found = [field_error(one) for one in error.errors()]
            self.report.rejected.append((row.line, [FieldError(column_of(one.field), one.message) for one in found]))
        except Problem as problem:
            found = list(problem.errors) or [FieldError("publish", problem.detail)]
            self.report.rejected.append((row.line, [FieldError(column_of(one.field), one.message) for one in found]))

    def _draft(self, row: Row) -> Any:
        external_id = row.cells.get("external_id", "")
        if external_id in self.seen:
            raise CellError("external_id", f"stands on line {self.seen[external_id]} already: keep one of the two")
        fields = self.reader.offer(row) if self.side.name == "offer" else self.reader.want(row)
        if not external_id:
            raise CellError("external_id", "is empty: give every line a number of your own")
        self.seen[external_id] = row.line
        begin = f"{self.side.end_field.partition('_')[0]}_from"
        if (stored := self.known.get(external_id)) is not None:
            fields["site_id"] = fields["site_id"] or (str(stored.site_id) if len(self.sites) > 1 else None)
            fields[begin] = fields[begin] or getattr(stored, begin)
        return self.side.draft.model_validate(fields)

    def _create(self, draft: Any, publish: bool) -> None:
        listing = self.side.blank(new_id(), self.organisation.id, self.now)
        land = self.rules.country(self.organisation.country)
        self.side.write(listing, draft, site_for(draft, list(self.sites)), self.rules, land, self.now)
        if publish:
            self._check_end(listing)
            listing.publish(self.now)
            self.side.judge(listing, self.rules, land, self.now)
            self.telling.tell(self.side.events["publish"], listing)
        self.session.add(listing)
        self.known[draft.external_id] = listing
        self.report.created += 1

    def _check_end(self, listing: Listing) -> None:
        if listing.has_ended(self.now):
            raise CellError(self.side.end_field, "has passed already: put it into the future, or leave it empty")

    async def _rewrite(self, listing: Any, draft: Any, publish: bool) -> None:
        site = site_for(draft, list(self.sites))
        is_same = same_draft(self.side, listing, draft.model_copy(update={"site_id": site.id}))
        is_to_publish = publish and listing.state == "draft"
        if is_same and not is_to_publish:
            return
        land = self.rules.country(self.organisation.country)
        if not is_same:
            await rewrite_listing(self.session, self.rules, self.side, listing, self.organisation, draft, self.now)
        if is_to_publish:
            self._check_end(listing)
            listing.publish(self.now)
            self.side.judge(listing, self.rules, land, self.now)
            self.telling.tell(self.side.events["publish"], listing)
        self.report.updated += 1


def same_draft(side: Side[Any, Any], listing: Listing, draft: ListingDraft) -> bool:
    """Whether the line says what is stored; presumed facts are left out on both sides."""
    stored, stated = side.draft_of(listing).model_dump(exclude_none=True), draft.model_dump(exclude_none=True)
    return bool(stored == stated)


async def import_sheet(session: AsyncSession, rules: Rules, side: Side[Any, Any], owner: UUID, sheet: Sheet, now: datetime) -> Report:
    """All lines of a sheet. The caller's transaction keeps, or (a dry run) forgets, what was written."""
    organisation = (await share_organisations(session, owner))[owner]
    sites = await sites_of(session, owner)
    names = {site.name.lower(): str(site.id) for site in sites} | {str(site.id): str(site.id) for site in sites}
    reader = Reader(sheet.uses_decimal_comma, rules.country(organisation.country).timezone, names)
    ids = [row.cells["external_id"] for row in sheet.rows if "external_id" in row.cells]
    known = {str(one.external_id): one for one in await repository.by_external_ids(session, side.kind, owner, ids)}
    telling = await Telling.begin(session, rules, owner, now)
    work = Import(session, rules, side, organisation, reader, sites, known, now, telling)
    with session.no_autoflush:
        for row in sheet.rows:
            await work.take(row)
    await session.flush()
    await telling.record()
    return work.report
