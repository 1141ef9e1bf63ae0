"""Matches: lists, one by its id, and the answers to it."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Header, Query, Request

from contracts.matching import Match, MatchState
from kit.identity import Caller, needs
from kit.pagination import After, Limit, Page, cursor, read_cursor
from kit.problems import FieldError, Unprocessable, refused
from services.matching.answers import answer, found_match, read_pair
from services.matching.reading import behind, entries, shown_entry
from services.matching.schemas import Acceptance, Refusal

router = APIRouter(tags=["matches"])
Reader = Annotated[Caller, Depends(needs("matches:read"))]
Answerer = Annotated[Caller, Depends(needs("matches:write"))]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]


@router.get("/v1/matches")
async def matches(
    request: Request,
    caller: Reader,
    offer: Annotated[UUID | None, Query()] = None,
    want: Annotated[UUID | None, Query()] = None,
    state: Annotated[MatchState | None, Query()] = None,
    min_score: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)] = 0.0,
    limit: Limit = 20,
    after: After = None,
) -> Page[Match]:
    """The matches of one of my listings, best first, ranked now: the open ones, or those of one state."""
    last = None if after is None else _key(read_cursor("matches", after))
    if (offer is None) == (want is None):
        raise Unprocessable("name one of your listings: ?offer= or ?want=", [FieldError("offer", "give either offer or want")])
    own = await request.app.state.finder.own("offer" if offer else "want", offer or want, caller)
    if own is None:
        return Page(items=[])
    fact, markets = own
    is_proposed = state == "proposed"
    found = behind(entries(markets, fact, None if is_proposed else state, min_score), last)
    if is_proposed:
        found = (entry for entry in found if entry.market.answer_state(entry.pair) is None)
    page = list(islice(found, limit + 1))
    following = cursor("matches", *page[limit - 1].key) if len(page) > limit else None
    return Page(items=[shown_entry(entry) for entry in page[:limit]], next=following)


def _key(found: list[Any]) -> tuple[float, float, str]:
    match found:
        case [float() | int() as score, float() | int() as distance, str(id)]:
            return score, distance, id
    raise refused("after", "is no cursor of this list: use `next` of a page before, as it was given")


@router.get("/v1/matches/{match_id}")
async def match(match_id: str, request: Request, caller: Reader) -> Match:
    """One match, to its two sides."""
    return found_match(request.app.state.ownership, read_pair(match_id), caller)


async def _answer(request: Request, match_id: str, verb: str, body: Any, caller: Caller, key: str | None) -> Match:
    state = request.app.state
    fields = {} if body is None else body.model_dump(mode="json", exclude_none=True)
    return await answer(state.pool, state.ownership, state.listings, match_id, verb, fields, caller, key)


@router.post("/v1/matches/{match_id}/accept")
async def accept(
    match_id: str, request: Request, caller: Answerer, body: Annotated[Acceptance | None, Body()] = None, key: Key = None
) -> Match:
    """Accept: when both sides have, the smaller of the two quantities is agreed, and taken."""
    return await _answer(request, match_id, "accept", body, caller, key)


@router.post("/v1/matches/{match_id}/decline")
async def decline(
    match_id: str, request: Request, caller: Answerer, body: Annotated[Refusal | None, Body()] = None, key: Key = None
) -> Match:
    """Decline: the pair is not ranked again unless this answer is withdrawn."""
    return await _answer(request, match_id, "decline", body, caller, key)


@router.post("/v1/matches/{match_id}/release")
async def release(
    match_id: str, request: Request, caller: Answerer, body: Annotated[Refusal | None, Body()] = None, key: Key = None
) -> Match:
    """Step back from an agreement, with a reason for the other side to read; the quantity returns to both."""
    return await _answer(request, match_id, "release", body, caller, key)


@router.delete("/v1/matches/{match_id}/answer")
async def withdraw_answer(match_id: str, request: Request, caller: Answerer) -> Match:
    """Take my answer back: nothing is answered then."""
    return await _answer(request, match_id, "withdraw", None, caller, None)
