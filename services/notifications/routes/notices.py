"""My notices, and that I have read them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from contracts.notifications import Notice
from kit.identity import Caller, needs
from kit.pagination import After, Limit, Page, cursor, read_cursor
from kit.problems import refused
from kit.web import Now, Session, UnitOfWork
from services.notifications.repository import notices
from services.notifications.service.notices import read_notice as mark_as_read
from services.notifications.service.notices import reader_of
from services.notifications.service.preferences import hidden_from

NOTICES = "notices"
DEFAULT_LIMIT = 20

router = APIRouter(tags=["notices"], route_class=UnitOfWork)

Reader = Annotated[Caller, Depends(needs("notices:read"))]


@router.get("/v1/notices", summary="List my notices, newest first")
async def list_notices(
    caller: Reader,
    session: Session,
    unread: Annotated[bool, Query(description="Only those that I have not read")] = False,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
) -> Page[Notice]:
    """Of the caller's organisation, each with when this reader read it; without kinds that this person does not want in the app."""
    before = None if after is None else _notice_of(after)
    reader, hidden = reader_of(caller), await hidden_from(session, caller)
    rows = await notices.my_notices(
        session, caller.organisation_id, reader, is_unread_only=unread, without=hidden, before=before, limit=limit + 1
    )
    items = [notice.shown(read_at) for notice, read_at in rows[:limit]]
    return Page(items=items, next=cursor(NOTICES, str(items[-1].id)) if len(rows) > limit else None)


def _notice_of(after: str) -> UUID:
    match read_cursor(NOTICES, after):
        case [str(text)]:
            try:
                return UUID(text)
            except ValueError:
                pass
    raise refused("after", "is no cursor of this list: use `next` of a page before, as it was given")


@router.post("/v1/notices/{notice_id}/read", summary="Mark a notice as read")
async def read_notice(caller: Reader, session: Session, now: Now, notice_id: UUID) -> Notice:
    """Repeating it changes nothing: the first time counts."""
    return await mark_as_read(session, caller, notice_id, now)
