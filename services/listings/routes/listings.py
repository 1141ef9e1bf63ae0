"""Offers and wants: one set of routes, made for each side of the market."""

# No postponed annotations here: the schemas are the factory's own arguments.
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from contracts import listings as public
from contracts.values import Value
from kit.pagination import After, Limit, Page, cursor, read_id_cursor
from kit.problems import refused
from kit.web import Now, Session, UnitOfWork
from services.listings.listing import Listing
from services.listings.offer import Offer
from services.listings.repository import listings as repository
from services.listings.routes.state import Reader, TheRules, Writer
from services.listings.rules import Rules
from services.listings.schemas import NewOffer, NewWant, OfferChange, WantChange
from services.listings.service import market
from services.listings.service.sides import OFFERS, WANTS, Side
from services.listings.want import Want

OfferStates = public.OfferState
WantStates = public.WantState


def shown(listing: Listing, rules: Rules, reader: UUID, warnings: tuple[public.Warning, ...] = ()) -> Any:
    """A listing as this reader may see it: site and external_id are its owner's only."""
    is_own = listing.organisation_id == reader
    own = {"site_id": listing.site_id, "external_id": listing.external_id, "lapses_at": listing.lapses_at, "warnings": warnings}
    owner = own if is_own else {}
    if isinstance(listing, Offer):
        return public.Offer(**listing.shown(rules.material(listing.material)), **owner)
    assert isinstance(listing, Want)
    return public.Want(**listing.shown(), **owner)


def listing_routes(side: Side[Any, Any], draft: type[Value], change: type[Value], view: type[Any], states: Any) -> APIRouter:
    """create, list, read, change, publish, withdraw and keep."""
    path = f"/v1/{side.name}s"  # an id is spelt as one (`:uuid`), so that `/import` and `/export` beside it are never taken for a listing
    router = APIRouter(tags=[f"{side.name}s"], route_class=UnitOfWork)

    def answer(response: Response, listing: Listing, rules: Rules, reader: UUID, warnings: tuple[public.Warning, ...] = ()) -> Any:
        response.headers["ETag"] = f'"{listing.version}"'
        return shown(listing, rules, reader, warnings)

    @router.post(path, status_code=201, response_model=view, name=f"create_{side.name}")
    async def create(body: draft, caller: Writer, session: Session, rules: TheRules, now: Now, response: Response) -> Any:  # type: ignore[valid-type]
        """Draft a listing, or publish it at once (`publish: true`)."""
        bare = side.draft.model_construct(body.model_fields_set, **{name: getattr(body, name) for name in side.draft.model_fields})  # type: ignore[attr-defined]
        made = await market.create_listing(session, rules, side, caller.organisation_id, bare, body.publish, now)  # type: ignore[attr-defined]
        response.headers["Location"] = f"{path}/{made[0].id}"
        return answer(response, made[0], rules, caller.organisation_id, made[1])

    @router.get(path, response_model=Page[view], name=f"my_{side.name}s")  # type: ignore[valid-type]
    async def mine(
        caller: Reader,
        session: Session,
        rules: TheRules,
        mine: Annotated[bool, Query()] = True,
        state: Annotated[states | None, Query()] = None,
        limit: Limit = 20,
        after: After = None,
    ) -> Any:
        """My listings, newest first."""
        if not mine:
            raise refused("mine", "lists your own only: leave it out, and read others' from the feed, the snapshot or your matches")
        before = read_id_cursor(side.name, after)
        found = await repository.my_listings(session, side.kind, caller.organisation_id, state, before, limit + 1)
        following = cursor(side.name, str(found[limit - 1].id)) if len(found) > limit else None
        return Page(items=[shown(one, rules, caller.organisation_id) for one in found[:limit]], next=following)

    @router.get(f"{path}/{{id:uuid}}", response_model=view, name=f"read_{side.name}")
    async def read(id: UUID, caller: Reader, session: Session, rules: TheRules, response: Response) -> Any:
        """One listing: mine, or a published one. The ETag is its version."""
        found = await market.seen_listing(session, side, caller.organisation_id, id)
        return answer(response, found, rules, caller.organisation_id)

    @router.patch(f"{path}/{{id:uuid}}", response_model=view, name=f"change_{side.name}")
    async def change_it(
        id: UUID,
        body: change,  # type: ignore[valid-type]
        caller: Writer,
        session: Session,
        rules: TheRules,
        now: Now,
        response: Response,
        if_match: Annotated[str | None, Header(description='The ETag that you read, such as "3"')] = None,
    ) -> Any:
        """Change a listing: a field left out stays, null clears. A published one is matched anew at once."""
        changed = await market.change_listing(session, rules, side, caller.organisation_id, id, if_match, body, now)
        return answer(response, changed[0], rules, caller.organisation_id, changed[1])

    @router.post(f"{path}/{{id:uuid}}/publish", response_model=view, name=f"publish_{side.name}")
    async def publish(id: UUID, caller: Writer, session: Session, rules: TheRules, now: Now, response: Response) -> Any:
        """Put it on the market; harmless when it is there."""
        found = await market.publish_listing(session, rules, side, caller.organisation_id, id, now)
        return answer(response, found, rules, caller.organisation_id)

    @router.post(f"{path}/{{id:uuid}}/withdraw", response_model=view, name=f"withdraw_{side.name}")
    async def withdraw(id: UUID, caller: Writer, session: Session, rules: TheRules, now: Now, response: Response) -> Any:
        """Take it off the market; harmless when it is off."""
        found = await market.withdraw_listing(session, rules, side, caller.organisation_id, id, now)
        return answer(response, found, rules, caller.organisation_id)

    @router.post(f"{path}/{{id:uuid}}/keep", response_model=view, name=f"keep_{side.name}")
    async def keep(id: UUID, caller: Writer, session: Session, rules: TheRules, now: Now, response: Response) -> Any:
        """It is still there: the answer to a notice `listing.lapsing`. Harmless when nobody asked; changes no version."""
        found = await market.keep_listing(session, side, caller.organisation_id, id, now)
        return answer(response, found, rules, caller.organisation_id)

    return router


offers = listing_routes(OFFERS, NewOffer, OfferChange, public.Offer, OfferStates)
wants = listing_routes(WANTS, NewWant, WantChange, public.Want, WantStates)
