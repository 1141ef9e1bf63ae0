"""All that is published, line by line, for those who begin to follow the feed; and what matching asks about a listing it does not know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from kit.database import Sessions
from kit.identity import INTERNAL_ONLY, Caller, needs
from kit.problems import NotFound
from kit.web import Now, SecretUnitOfWork, Session
from services.listings.listing import Listing
from services.listings.offer import Offer
from services.listings.repository import listings as repository
from services.listings.routes.state import Reader, TheRules, TheSessions
from services.listings.rules import Rules
from services.listings.service.sides import OFFERS, WANTS
from services.listings.service.telling import offer_fact, want_fact
from services.listings.want import Want

router = APIRouter(tags=["events"])
internal = APIRouter(prefix="/internal", include_in_schema=False, dependencies=[INTERNAL_ONLY], route_class=SecretUnitOfWork)
LINES_AT_ONCE = 200
SideName = Literal["offer", "want"]
SIDES: dict[SideName, Any] = {"offer": OFFERS, "want": WANTS}


@router.get("/v1/snapshot", response_class=StreamingResponse)
async def snapshot(
    side: Annotated[SideName, Query()], caller: Reader, sessions: TheSessions, rules: TheRules, now: Now
) -> StreamingResponse:
    """Every published listing of a side as others see it, with its holder: one JSON object a line."""
    return StreamingResponse(_lines(sessions, rules, side, now), media_type="application/x-ndjson")


async def _lines(sessions: Sessions, rules: Rules, side: SideName, now: datetime) -> AsyncIterator[bytes]:
    """In short transactions, in the order of ids: what stands from beginning to end is in it, whatever else happens meanwhile."""
    last: UUID | None = None
    while True:
        async with sessions.begin() as session:
            listings = await repository.published_after(session, SIDES[side].kind, last, LINES_AT_ONCE)
            facts = [await (offer_fact if isinstance(one, Offer) else want_fact)(session, rules, one, now) for one in listings]
        for fact in facts:
            yield fact.model_dump_json().encode() + b"\n"
        if len(listings) < LINES_AT_ONCE:
            return
        last = listings[-1].id


@internal.get("/listings/{side}")
async def belonging(
    side: SideName,
    caller: Annotated[Caller, Depends(needs("matches:read"))],
    session: Session,
    only: Annotated[UUID | None, Query()] = None,
    after: Annotated[UUID | None, Query()] = None,
) -> dict[str, object]:
    """For matching: the caller's own listings (or one of them), oldest first, and what the caller calls them."""
    kind, owner = SIDES[side].kind, caller.organisation_id
    if only is not None:
        found = await session.get(kind, only)
        listings: Sequence[Listing] = [found] if found is not None and found.organisation_id == owner else []
    else:
        listings = await repository.my_listings_after(session, kind, owner, None, after, LINES_AT_ONCE)
    items = [{"id": str(one.id), "external_id": one.external_id, "state": one.state} for one in listings]
    return {"items": items, "next": items[-1]["id"] if len(items) == LINES_AT_ONCE else None}


@internal.get("/listings/{side}/{id}")
async def standing(side: SideName, id: UUID, session: Session) -> dict[str, object]:
    """For matching: whose listing this is, in which state and version, and which partitions its events were ever sent to."""
    found: Offer | Want | None = await session.get(SIDES[side].kind, id)
    if found is None:
        raise NotFound(f"there is no such {side}")
    return {
        "organisation_id": str(found.organisation_id),
        "state": found.state,
        "version": found.version,
        "partitions": found.partitions,
    }
