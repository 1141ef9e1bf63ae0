"""The feed: what a caller may see of it, and (for our own parts only) all of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from kit.identity import INTERNAL_ONLY, Caller, needs
from kit.pagination import After, Limit, cursor
from services.notifications.feed import BEYOND_POSTGRESQL, CURSOR, StoredEntry, position_of
from services.notifications.repository.feed import FeedReader, Filters, Looked
from services.notifications.schemas import Department, Family, FeedHead, FeedPage, InternalEntry, Types, types_of
from services.notifications.watch import Watch

LATEST = "latest"
DEFAULT_LIMIT = 20
JSON = "application/json"

router = APIRouter(tags=["events"])
internal = APIRouter(prefix="/internal", dependencies=[INTERNAL_ONLY], include_in_schema=False)

Position = Annotated[int, Query(ge=0, lt=BEYOND_POSTGRESQL)]
EventReader = Annotated[Caller, Depends(needs("events:read"))]


async def _feed(request: Request) -> FeedReader:
    feed: FeedReader = request.app.state.feed
    return feed


async def _watch(request: Request) -> Watch:
    watch: Watch = request.app.state.watch
    return watch


Feed = Annotated[FeedReader, Depends(_feed)]
FeedWatch = Annotated[Watch, Depends(_watch)]


@router.get("/v1/events", response_model=FeedPage, summary="Read the durable feed of events")
async def read_events(
    caller: EventReader,
    feed: Feed,
    after: After = None,
    types: Types = None,
    family: Family = None,
    department: Department = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """What this caller may see, oldest first; `after=latest` gives the end. 410 where the feed no longer goes back so far."""
    filters = Filters(caller.organisation_id, types_of(types), family, department)
    if after == LATEST:
        return _page([], (await feed.head()).position)
    looked = await feed.read(None if after is None else position_of(after), filters, limit)
    return _page(looked.entries, looked.position)


def _page(entries: list[StoredEntry], position: int) -> Response:
    items = ",".join(entry.told() for entry in entries)
    return Response(f'{{"items":[{items}],"next":"{cursor(CURSOR, position)}"}}', media_type=JSON)


@internal.get("/feed")
async def read_feed(
    feed: Feed,
    watch: FeedWatch,
    after: Position,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    wait_seconds: Annotated[float, Query(ge=0, le=60)] = 20,
) -> Response:
    """The events behind a position, for all audiences. Waits until there is one, or the time is over; holds no connection meanwhile."""
    looked = await feed.read(after, Filters(), limit)
    if not looked.entries and wait_seconds:
        await watch.beyond(looked.head, wait_seconds)
        looked = await feed.read(after, Filters(), limit)
    return _internal_page(looked)


def _internal_page(looked: Looked) -> Response:
    entries = ",".join(_internal_entry(entry) for entry in looked.entries)
    return Response(f'{{"entries":[{entries}],"head":{looked.head}}}', media_type=JSON)


def _internal_entry(entry: StoredEntry) -> str:
    who = entry.visibility
    known = InternalEntry.model_validate(
        {"position": entry.position, "audience": who.audience, "families": who.families, "department": who.department}
    )
    return f'{known.model_dump_json()[:-1]},"event":{entry.event}}}'


@internal.get("/feed/head")
async def read_feed_head(feed: Feed) -> FeedHead:
    """Where the feed ends now."""
    position = (await feed.head()).position
    return FeedHead(cursor=cursor(CURSOR, position), position=position)
