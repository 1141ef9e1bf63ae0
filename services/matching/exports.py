"""Matches as a spreadsheet: of one of my listings, or of all of them; one line a match, each list best first.

Load-bearing: a row is made of a page of the list as GET /v1/matches gives it, so that the two can never disagree.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from contracts.countries import country
from contracts.listings import OfferFact, WantFact
from contracts.matching import Match, MatchState
from contracts.values import Language, Price, plain
from kit.csv_cells import MEDIA_TYPE, SEPARATORS, SeparatorName, csv_file, harmless
from kit.identity import Caller
from kit.problems import FieldError, Unprocessable
from services.matching.asking import Desk
from services.matching.calls import Listings, Own
from services.matching.listing import Concern, Finder
from services.matching.market import Fact, SideName
from services.matching.peers import Key, ListQuery
from services.matching.repository import last_heard
from services.matching.routes import Reader, Score, TheDesk, TheFinder

router = APIRouter(tags=["spreadsheets"])
LINES_AT_ONCE = 100
ON_THE_MARKET = (None, "proposed", "blocked")  # states of a match that ask for a listing on the market
COLUMNS = (
    *("side", "external_id", "match_id", "state", "score", "material", "quantity_kg", "distance_km"),
    *("offer_id", "offer_title", "offer_department", "grade", "price_amount", "price_per"),
    *("want_id", "want_title", "want_department", "min_grade", "max_price_amount", "max_price_per"),
    *("factor_material", "factor_quantity", "factor_distance", "factor_price", "factor_quality"),
    *("blocked_by", "evidence", "deal_id", "reasons"),
)
DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {"description": "One line a match", "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": ",".join(COLUMNS)}}}
}


@router.get("/v1/matches/export", response_class=StreamingResponse, responses=DESCRIBED)
async def export_matches(
    request: Request,
    desk: TheDesk,
    finder: TheFinder,
    caller: Reader,
    offer: Annotated[UUID | None, Query(description="Of this offer of mine only")] = None,
    want: Annotated[UUID | None, Query(description="Of this want of mine only")] = None,
    state: Annotated[MatchState | None, Query(description="Those of one state, instead of the open ones")] = None,
    min_score: Score = 0.0,
    language: Annotated[Language, Query(description="Of the reasons")] = "es",
    separator: Annotated[
        SeparatorName, Query(description="What stands between the cells; with semicolons decimals have a comma")
    ] = "comma",
) -> StreamingResponse:
    """My matches as a spreadsheet: of one listing, or of all of mine, in the order of making, each listing's best first.

    Contacts are not in it: they stand in the match, once both sides have agreed."""
    if offer is not None and want is not None:
        raise Unprocessable(
            "give ?offer= or ?want=, or neither for all of mine", [FieldError("offer", "give either offer or want, or neither")]
        )
    listings: Listings = desk.listings
    asked: list[tuple[SideName, UUID | None]] = (
        [("offer", offer)] if offer else [("want", want)] if want else [("offer", None), ("want", None)]
    )
    for side, only in asked:
        if only is not None:
            await finder.own(side, only, caller)  # raises what GET /v1/matches raises, before the answer begins
    writer = Writer(SEPARATORS[separator], language)
    export = Export(request.app.state.pool, desk, finder, listings, caller, state, min_score, writer)
    name = f"ayni-matches-{country().today(request.app.state.clock())}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    lines = csv_file(COLUMNS, export.pages(asked), writer.separator)
    return StreamingResponse(lines, media_type=f"{MEDIA_TYPE}; charset=utf-8", headers=headers)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes rows. separator: of the cells, by which the decimal mark is chosen; language: of the reasons."""

    separator: str
    language: Language

    def row(self, side: SideName, own: Own, match: Match, offer: Fact | None, want: Fact | None) -> Sequence[str]:
        """offer, want: as they were last heard of; None where they have been forgotten."""
        cells = (
            *(side, harmless(own.external_id or str(own.id)), match.id, match.state, self._figure(match.score), match.material),
            *(self._figure(match.quantity_kg), self._figure(match.distance_km)),
            *self._listing(match.offer_id, offer),
            *self._listing(match.want_id, want),
            *(self._figure(factor) for _, factor in match.factors),
            *(" ".join(match.blocked_by), match.evidence or "", str(match.deal_id or "")),
            harmless(" ".join(getattr(match.reasons, self.language))),
        )
        assert len(cells) == len(COLUMNS)
        return cells

    def _listing(self, id: UUID, fact: Fact | None) -> Iterator[str]:
        """What others see of a listing: another's title is another's text."""
        yield str(id)
        yield harmless(fact.title) if fact else ""
        yield harmless(fact.place.department or "") if fact else ""
        match fact:
            case OfferFact():
                yield fact.grade or ""
                yield from self._price(fact.price)
            case WantFact():
                yield fact.min_grade or ""
                yield from self._price(fact.max_price)
            case None:
                yield from ("", "", "")

    def _price(self, price: Price | None) -> tuple[str, str]:
        return ("", "") if price is None else (self._number(price.amount), price.per)

    def _figure(self, figure: float) -> str:
        return self._number(Decimal(repr(figure)))

    def _number(self, amount: Decimal) -> str:
        return plain(amount).replace(".", ",") if self.separator == ";" else plain(amount)


@dataclass(frozen=True, slots=True)
class Export:
    """One caller's matches on their way into a file."""

    pool: asyncpg.Pool[asyncpg.Record]
    desk: Desk
    finder: Finder
    listings: Listings
    caller: Caller
    state: MatchState | None
    least: float
    writer: Writer

    async def pages(self, asked: Sequence[tuple[SideName, UUID | None]]) -> AsyncIterator[Sequence[Sequence[str]]]:
        """Page by page of the lists of all listings that are asked for."""
        for side, only in asked:
            async for own in self.listings.mine(side, self.caller, only):
                if own.state == "draft" or (self.state in ON_THE_MARKET and own.state != "published"):
                    continue
                if (concern := await self.finder.own(side, own.id, self.caller)) is not None:
                    async for page in self._list(side, own, concern):
                        yield page

    async def _list(self, side: SideName, own: Own, concern: Concern) -> AsyncIterator[Sequence[Sequence[str]]]:
        partitions = concern.current if self.state in ON_THE_MARKET else concern.ever
        last: Key | None = None
        while True:
            query = ListQuery(concern.id, concern.version, self.state, self.least, last, LINES_AT_ONCE)
            found = await self.desk.matches(partitions, query, self.caller)
            facts = await last_heard(self.pool, list({id for one in found for id in (one.match.offer_id, one.match.want_id)}))
            yield [self.writer.row(side, own, one.match, facts.get(one.match.offer_id), facts.get(one.match.want_id)) for one in found]
            if len(found) < LINES_AT_ONCE:
                return
            last = found[-1].key
