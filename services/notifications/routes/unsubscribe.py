"""Unsubscribing by the link in a mail, without a sign-in (RFC 8058): looking asks, and only posting does it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse

from kit.web import Session, UnitOfWork
from services.notifications.links import UNSUBSCRIBE, Links, Unsubscription
from services.notifications.page import MAY_LOAD, asking, done
from services.notifications.service.preferences import unsubscribe

router = APIRouter(tags=["notices"], route_class=UnitOfWork, default_response_class=HTMLResponse)
HEADERS = {"Content-Security-Policy": MAY_LOAD}
FORM: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "properties": {"List-Unsubscribe": {"type": "string", "examples": ["One-Click"]}}}
            }
        }
    }
}


async def _wish(request: Request, token: Annotated[str, Path(max_length=500, description="As it stands in the mail")]) -> Unsubscription:
    links: Links = request.app.state.links
    return links.unsubscription(token)


Wish = Annotated[Unsubscription, Depends(_wish)]


@router.get(f"{UNSUBSCRIBE}/{{token}}", summary="Ask whether somebody no longer wants mails of a kind")
async def ask(wish: Wish) -> HTMLResponse:
    """A page with a button; nothing changes by looking at it."""
    return HTMLResponse(asking(wish), headers=HEADERS)


@router.post(f"{UNSUBSCRIBE}/{{token}}", summary="No more mails of a kind, by the link in a mail", openapi_extra=FORM)
async def do(wish: Wish, session: Session) -> HTMLResponse:
    """One click, without a sign-in (RFC 8058), whatever the form says; harmless when repeated."""
    await unsubscribe(session, wish)
    return HTMLResponse(done(wish), headers=HEADERS)
