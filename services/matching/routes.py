"""Matches: lists, one by its id, and the answers to it; for everybody, and for the other processes of matching."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.routing import APIRoute

from contracts.matching import Match, MatchState
from kit.identity import INTERNAL_ONLY, Caller, needs
from kit.pagination import After, Limit, Page, cursor, read_cursor
from kit.problems import FieldError, Problem, Unprocessable, refused
from services.matching.answers import found_match, read_pair
from services.matching.asking import Desk
from services.matching.listing import Finder
from services.matching.peers import CURSOR, OWNER, Key, ListedPage, ListQuery
from services.matching.schemas import Acceptance, Refusal

router = APIRouter(tags=["matches"])


class OwnersRoute(APIRoute):
    """A route by which owners ask each other: whatever it answers is marked as ours."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def marked(request: Request) -> Response:
            try:
                response = await handle(request)
            except Problem as problem:
                problem.headers[OWNER] = "1"
                raise
            response.headers[OWNER] = "1"
            return response

        return marked


internal = APIRouter(
    prefix="/internal/partitions/{partition}", include_in_schema=False, dependencies=[INTERNAL_ONLY], route_class=OwnersRoute
)
Reader = Annotated[Caller, Depends(needs("matches:read"))]
Answerer = Annotated[Caller, Depends(needs("matches:write"))]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]
Score = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
Verb = Literal["accept", "decline", "release", "withdraw"]


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


async def _finder(request: Request) -> Finder:
    finder: Finder = request.app.state.finder
    return finder


TheDesk = Annotated[Desk, Depends(_desk)]
TheFinder = Annotated[Finder, Depends(_finder)]


@router.get("/v1/matches")
async def matches(
    desk: TheDesk,
    finder: TheFinder,
    caller: Reader,
    offer: Annotated[UUID | None, Query()] = None,
    want: Annotated[UUID | None, Query()] = None,
    state: Annotated[MatchState | None, Query()] = None,
    min_score: Score = 0.0,
    limit: Limit = 20,
    after: After = None,
) -> Page[Match]:
    """The matches of one of my listings, best first, ranked now: the open ones, or those of one state."""
    last = _last(after)
    if offer is not None and want is None:
        concern = await finder.own("offer", offer, caller)
    elif want is not None and offer is None:
        concern = await finder.own("want", want, caller)
    else:
        raise Unprocessable("name one of your listings: ?offer= or ?want=", [FieldError("offer", "give either offer or want")])
    if concern is None:
        return Page(items=[])
    partitions = concern.current if state in (None, "proposed", "blocked") else concern.ever
    found = await desk.matches(partitions, ListQuery(concern.id, concern.version, state, min_score, last, limit + 1), caller)
    following = cursor(CURSOR, *found[limit - 1].key) if len(found) > limit else None
    return Page(items=[one.match for one in found[:limit]], next=following)


def _last(after: str | None) -> Key | None:
    """What the page before ended with. Raises 422."""
    match None if after is None else read_cursor(CURSOR, after):
        case None:
            return None
        case [float() | int() as score, float() | int() as distance, str(id)]:
            return score, distance, id
    raise refused("after", "is no cursor of this list: use `next` of a page before, as it was given")


@router.get("/v1/matches/{match_id}")
async def match(match_id: str, desk: TheDesk, finder: TheFinder, caller: Reader) -> Match:
    """One match, to its two sides."""
    pair = read_pair(match_id)
    return await desk.match(await finder.partition_of(pair[0]), pair, caller)


async def _answer(desk: Desk, finder: Finder, match_id: str, verb: Verb, body: Any, caller: Caller, key: str | None) -> Match:
    pair = read_pair(match_id)
    fields = {} if body is None else body.model_dump(mode="json", exclude_none=True)
    return await desk.answer(await finder.partition_of(pair[0]), pair, verb, fields, caller, key)


@router.post("/v1/matches/{match_id}/accept")
async def accept(
    match_id: str,
    desk: TheDesk,
    finder: TheFinder,
    caller: Answerer,
    body: Annotated[Acceptance | None, Body()] = None,
    key: IdempotencyKey = None,
) -> Match:
    """Accept: when both sides have, the smaller of the two quantities is agreed, and taken."""
    return await _answer(desk, finder, match_id, "accept", body, caller, key)


@router.post("/v1/matches/{match_id}/decline")
async def decline(
    match_id: str,
    desk: TheDesk,
    finder: TheFinder,
    caller: Answerer,
    body: Annotated[Refusal | None, Body()] = None,
    key: IdempotencyKey = None,
) -> Match:
    """Decline: the pair is not ranked again unless this answer is withdrawn."""
    return await _answer(desk, finder, match_id, "decline", body, caller, key)


@router.post("/v1/matches/{match_id}/release")
async def release(
    match_id: str,
    desk: TheDesk,
    finder: TheFinder,
    caller: Answerer,
    body: Annotated[Refusal | None, Body()] = None,
    key: IdempotencyKey = None,
) -> Match:
    """Step back from an agreement, with a reason for the other side to read; the quantity returns to both."""
    return await _answer(desk, finder, match_id, "release", body, caller, key)


@router.delete("/v1/matches/{match_id}/answer")
async def withdraw_answer(match_id: str, desk: TheDesk, finder: TheFinder, caller: Answerer) -> Match:
    """Take my answer back: nothing is answered then."""
    return await _answer(desk, finder, match_id, "withdraw", None, caller, None)


@internal.get("")
async def ownership_of_partition(partition: int, desk: TheDesk) -> dict[str, int]:
    """That this process answers for the partition: 421 where it does not."""
    market = await desk.market_here(partition)
    return {"partition": market.partition, "listings": len(market.facts)}


@internal.get("/matches")
async def matches_of_partition(
    partition: int,
    desk: TheDesk,
    caller: Reader,
    listing: Annotated[UUID, Query()],
    version: Annotated[int, Query()],
    count: Annotated[int, Query(ge=1)],
    state: Annotated[MatchState | None, Query()] = None,
    min_score: Score = 0.0,
    after: After = None,
) -> ListedPage:
    """What this process has of a list, if it owns the partition (421 where not); whose listing it is, the asker has looked up."""
    market = await desk.market_here(partition)
    return ListedPage(items=await desk.page_here(market, ListQuery(listing, version, state, min_score, _last(after), count)))


@internal.get("/matches/{match_id}")
async def match_of_partition(partition: int, match_id: str, desk: TheDesk, caller: Reader) -> Match:
    """One match, if this process owns the partition."""
    return found_match(await desk.market_here(partition), read_pair(match_id), caller)


@internal.post("/matches/{match_id}/{verb}")
async def answer_of_partition(
    partition: int,
    match_id: str,
    verb: Verb,
    desk: TheDesk,
    caller: Answerer,
    body: Annotated[dict[str, Any], Body()],
    key: IdempotencyKey = None,
) -> Match:
    """One side's answer, as its body was read by the asker, if this process owns the partition."""
    market = await desk.market_here(partition)
    return await desk.answer_here(market, read_pair(match_id), verb, body, caller, key)
