"""Listings on their way: drafted, published, changed, withdrawn; and the acceptances that a change makes void."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from contracts import listings as public
from contracts.countries import Country
from contracts.envelope import Event
from contracts.values import Value
from kit.ids import new_id
from kit.problems import Forbidden, NotFound, Problem, Unprocessable, refused
from kit.web import field_error
from services.listings.listing import Listing
from services.listings.organisation import Organisation, Site
from services.listings.repository import deals as deals_repository
from services.listings.repository import listings as repository
from services.listings.repository.organisations import sites_of
from services.listings.rules import Rules
from services.listings.schemas import ListingDraft
from services.listings.service.drafting import site_for
from services.listings.service.sides import Side, side_of
from services.listings.service.telling import share_organisations, tell_deal

Kind = TypeVar("Kind", bound=Listing)
Draft = TypeVar("Draft", bound=ListingDraft)
Written = tuple[Kind, tuple[public.Warning, ...]]


class VersionMissing(Problem):
    status, slug, title = 428, "if-match-missing", "Say which version you change"


class VersionPassed(Problem):
    status, slug, title = 412, "version-passed", "It has changed meanwhile"


async def create_listing(
    session: AsyncSession, rules: Rules, side: Side[Kind, Draft], owner: UUID, draft: Draft, publish: bool, now: datetime
) -> Written[Kind]:
    """A new draft, published at once if asked. Raises 422 naming every field that does not fit, 409 for a second external_id."""
    organisation = (await share_organisations(session, owner))[owner]
    land = rules.country(organisation.country)
    listing = side.blank(new_id(), owner, now)
    side.write(listing, draft, site_for(draft, await sites_of(session, owner)), rules, land, now)
    if publish and listing.has_ended(now):
        raise refused(side.end_field, "has passed already: put it into the future, or leave it out")
    session.add(listing)
    await session.flush()
    if publish:
        await _publish(session, rules, side, listing, organisation, now)
    return listing, side.warnings(listing, draft, rules)


async def own_listing(
    session: AsyncSession,
    side: Side[Kind, Any],
    owner: UUID,
    id: UUID,
) -> tuple[Kind, Organisation]:
    """My listing, locked, and my organisation, locked against a change of its licences.

    Raises 403 for a published one of others, else 404."""
    organisation = (await share_organisations(session, owner))[owner]
    listing = await repository.lock_listing(session, side.kind, id)
    if listing.organisation_id != owner:
        raise (
            Forbidden(f"this {side.name} is another organisation's") if listing.is_published else NotFound(f"there is no such {side.name}")
        )
    return listing, organisation


async def publish_listing(session: AsyncSession, rules: Rules, side: Side[Kind, Any], owner: UUID, id: UUID, now: datetime) -> Kind:
    """To the market. Raises 404, 403, and 409 where its state does not allow it."""
    listing, organisation = await own_listing(session, side, owner, id)
    await _publish(session, rules, side, listing, organisation, now)
    return listing


async def _publish(
    session: AsyncSession, rules: Rules, side: Side[Kind, Any], listing: Kind, organisation: Organisation, now: datetime
) -> None:
    if listing.publish(now):
        side.judge(listing, rules, rules.country(organisation.country), now)
        await side.tell(session, rules, side.events["publish"], listing, now)


async def withdraw_listing(session: AsyncSession, rules: Rules, side: Side[Kind, Any], owner: UUID, id: UUID, now: datetime) -> Kind:
    """Off the market; open acceptances are void. Raises 404, 403, and 409 where its state does not allow it."""
    listing, _ = await own_listing(session, side, owner, id)
    if listing.withdraw(now):
        await void_acceptances(session, rules, listing, owner, now)
        await side.tell(session, rules, side.events["withdrawn"], listing, now)
    return listing


async def keep_listing(session: AsyncSession, side: Side[Kind, Any], owner: UUID, id: UUID, now: datetime) -> Kind:
    """It is still there: the answer to the question that the clocks of listings ask. Raises 404, 403, and 409 off the market."""
    listing, _ = await own_listing(session, side, owner, id)
    listing.keep(now)
    return listing


async def change_listing(
    session: AsyncSession,
    rules: Rules,
    side: Side[Kind, Draft],
    owner: UUID,
    id: UUID,
    if_match: str | None,
    change: Value,
    now: datetime,
) -> Written[Kind]:
    """A merge patch of the version named by If-Match. Raises 404, 403, 412, 422, 428. What changes nothing is no change."""
    listing, organisation = await own_listing(session, side, owner, id)
    check_version(listing, if_match)
    draft = merged(side, listing, change)
    await rewrite_listing(session, rules, side, listing, organisation, draft, now)
    return listing, side.warnings(listing, draft, rules)


async def rewrite_listing(
    session: AsyncSession, rules: Rules, side: Side[Kind, Draft], listing: Kind, organisation: Organisation, draft: Draft, now: datetime
) -> bool:
    """Puts a whole draft in the place of a locked listing's; False where nothing differs: then its holder has only confirmed it."""
    site = site_for(draft, await sites_of(session, organisation.id))
    rewritten = put_draft(session, rules, side, listing, rules.country(organisation.country), site, draft, now)
    if rewritten is None:
        return False
    if rewritten.has_new_terms:
        await void_acceptances(session, rules, listing, organisation.id, now)
    await session.flush()
    await tell_settled(session, rules, listing, rewritten.state_before, now)
    return True


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What a new draft changed. has_new_terms: open acceptances are void."""

    state_before: str
    has_new_terms: bool


def put_draft(
    session: AsyncSession, rules: Rules, side: Side[Kind, Draft], listing: Kind, land: Country, site: Site, draft: Draft, now: datetime
) -> Rewritten | None:
    """A whole draft in the place of a locked listing's, at its next version; None where nothing differs. Raises 422."""
    before, terms = listing.state, listing.terms()
    side.write(listing, draft, site, rules, land, now)
    is_changed = session.is_modified(listing)
    listing.confirm(now)
    if not is_changed:
        return None
    listing.settle(now)
    has_new_terms = listing.terms() != terms
    if has_new_terms:
        listing.terms_version = listing.version
    return Rewritten(before, has_new_terms)


def settled_event(listing: Listing, before: str) -> type[Event] | None:
    """What others hear of a listing that was on the market, or is again; a change of any other is no event (design.md)."""
    is_told = listing.is_published or before != listing.state
    return side_of(listing).events.get(listing.state) if is_told else None


async def tell_settled(session: AsyncSession, rules: Rules, listing: Listing, before: str, now: datetime) -> None:
    """Records the event that a listing's new state is, if it is one."""
    if (event := settled_event(listing, before)) is not None:
        await side_of(listing).tell(session, rules, event, listing, now)


async def void_acceptances(session: AsyncSession, rules: Rules, listing: Listing, by: UUID | None, now: datetime) -> None:
    """Nobody agrees to what they did not see (matching.md, section 6). by: whose doing it is; None is time's."""
    for deal in await deals_repository.offered_deals(session, listing):
        had_accepted = deal.void(by, now)
        await tell_deal(session, rules, public.DealVoided, deal, now, had_accepted)


def check_version(listing: Listing, if_match: str | None) -> None:
    """RFC 9110, section 13.1.1: the strong ETag of GET. Raises 428 and 412."""
    if if_match is None:
        raise VersionMissing('send If-Match with the ETag of your GET, such as "3"')
    if f'"{listing.version}"' not in [tag.strip() for tag in if_match.split(",")]:
        raise VersionPassed(f"it is at version {listing.version} now: read it again, and repeat your change")


def merged(side: Side[Kind, Draft], listing: Kind, change: Value) -> Draft:
    """The listing's own draft with the change in it: a field left out stays, null clears. Raises 422."""
    now: dict[str, Any] = dict(side.draft_of(listing))
    now |= {name: getattr(change, name) for name in change.model_fields_set}
    try:
        return side.draft.model_validate(now)
    except ValidationError as error:
        errors = [field_error(found) for found in error.errors()]
        raise Unprocessable("; ".join(f"{one.field}: {one.message}" for one in errors), errors) from None


async def seen_listing(session: AsyncSession, side: Side[Kind, Any], reader: UUID, id: UUID) -> Kind:
    """A listing that this organisation may see: its own, a published one, or one that it has an agreed deal with. Raises 404."""
    listing = await repository.listing(session, side.kind, id)
    if listing.organisation_id == reader or listing.is_published:
        return listing
    if listing.state != "draft" and await deals_repository.is_side_of_agreement(session, listing, reader):
        return listing
    raise NotFound(f"there is no such {side.name}")
