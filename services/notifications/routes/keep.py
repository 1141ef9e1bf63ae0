"""Saying by the link in a mail, without a sign-in, that a listing still stands: looking asks, and only posting does it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse

from kit.identity import Caller
from services.notifications.calls import Listings
from services.notifications.links import KEEP, Keeping, Links
from services.notifications.page import MAY_LOAD, asking_to_keep, kept

router = APIRouter(tags=["notices"], default_response_class=HTMLResponse)
HEADERS = {"Content-Security-Policy": MAY_LOAD}
WRITE = frozenset({"listings:write"})


async def _answer(request: Request, token: Annotated[str, Path(max_length=500, description="As it stands in the mail")]) -> Keeping:
    links: Links = request.app.state.links
    return links.keeping(token)


Answer = Annotated[Keeping, Depends(_answer)]


@router.get(f"{KEEP}/{{token}}", summary="Ask whether a listing still stands")
async def ask(answer: Answer) -> HTMLResponse:
    """A page with a button; nothing changes by looking at it."""
    return HTMLResponse(asking_to_keep(answer), headers=HEADERS)


@router.post(f"{KEEP}/{{token}}", summary="Say that a listing still stands, by the link in a mail")
async def do(request: Request, answer: Answer) -> HTMLResponse:
    """As `POST /v1/offers/{id}/keep` with a sign-in; harmless when repeated. The page says so where it is no longer listed."""
    listings: Listings = request.app.state.listings
    caller = Caller(answer.organisation_id, answer.person_id, WRITE)
    is_listed = await listings.keep(caller, answer.side, answer.listing_id)
    return HTMLResponse(kept(answer, is_listed=is_listed), headers=HEADERS)
