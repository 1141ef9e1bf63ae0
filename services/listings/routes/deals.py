"""My deals; and, for matching, the one place where answers are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from contracts import listings as public
from kit.identity import INTERNAL_ONLY, Caller, needs
from kit.pagination import After, Limit, Page, cursor, read_id_cursor
from kit.web import Now, Session, UnitOfWork
from services.listings.repository import deals as repository
from services.listings.routes.state import TheRules
from services.listings.schemas import Answer
from services.listings.service.deals import answer_match

router = APIRouter(tags=["deals"], route_class=UnitOfWork)
internal = APIRouter(prefix="/internal", include_in_schema=False, dependencies=[INTERNAL_ONLY], route_class=UnitOfWork)


@router.get("/v1/deals")
async def my_deals(
    caller: Annotated[Caller, Depends(needs("matches:read"))],
    session: Session,
    state: Annotated[public.DealState | None, Query()] = None,
    limit: Limit = 20,
    after: After = None,
) -> Page[public.Deal]:
    """What was answered to my matches, newest first."""
    before = read_id_cursor("deals", after)
    found = await repository.my_deals(session, caller.organisation_id, state, before, limit + 1)
    following = cursor("deals", str(found[limit - 1].id)) if len(found) > limit else None
    return Page(items=[deal.shown() for deal in found[:limit]], next=following)


@internal.post("/answers")
async def answer(
    body: Answer, caller: Annotated[Caller, Depends(needs("matches:write"))], session: Session, rules: TheRules, now: Now
) -> public.Deal:
    """One side's answer to a match that matching has found to be one, or to have been one."""
    deal = await answer_match(session, rules, caller.organisation_id, body, now)
    return deal.shown()
