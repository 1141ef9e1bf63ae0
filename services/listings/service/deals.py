"""Answers to matches, and what an agreement moves (matching.md, section 6).

Locks are taken in one order, always: organisations, offer, want, deal (design.md, Answers). Load-bearing: the quantity of both sides is
taken by guarded UPDATEs in the transaction that writes the deal and its events, `deal.*` before `offer.*` and `want.*`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contracts import listings as public
from kit.ids import new_id
from kit.problems import Conflict, NotFound, refused
from services.listings.deal import Deal
from services.listings.listing import Listing
from services.listings.offer import Offer
from services.listings.organisation import Organisation
from services.listings.repository import deals as repository
from services.listings.repository import listings as listings_repository
from services.listings.repository.organisations import valid_licences
from services.listings.rules import Rules
from services.listings.schemas import Answer
from services.listings.service.market import tell_settled, void_acceptances
from services.listings.service.telling import share_organisations, tell_deal
from services.listings.want import Want

FIVE_MINIMA = 5  # matching.md: hi' of a want without maximum


class TermsChanged(Conflict):
    slug, title = "terms-changed", "The terms have changed"


class NotOpen(Conflict):
    slug, title = "not-open", "It is no longer on the market"


class Gone(Conflict):
    slug, title = "gone", "That much is no longer there"


class BelowMinimum(Conflict):
    slug, title = "below-minimum", "That is less than a side takes or gives"


class LawCloses(Conflict):
    slug, title = "law", "A paper is missing"


@dataclass(frozen=True, slots=True)
class Table:
    """Everything an answer concerns, locked."""

    offer: Offer
    want: Want
    deal: Deal
    seeker: Organisation

    @property
    def listings(self) -> tuple[Listing, Listing]:
        return self.offer, self.want

    def of(self, side: UUID) -> Listing:
        """The listing that this side holds."""
        return self.offer if side == self.offer.organisation_id else self.want


async def answer_match(session: AsyncSession, rules: Rules, side: UUID, answer: Answer, now: datetime) -> Deal:
    """One side's answer. Repeating one's own answer changes nothing. Raises 404 to strangers, 409 for what does not stand, 422."""
    table = await _sit_down(session, side, answer, now)
    match answer.verb:
        case "accept":
            await _accept(session, rules, table, side, answer, now)
        case "decline":
            await _decline(session, rules, table, side, answer.reason, now)
        case "release":
            await _release(session, rules, table, side, answer.reason, now)
        case "withdraw":
            await _withdraw(session, rules, table, side, now)
    table.of(side).confirm(now)
    return table.deal


async def _sit_down(session: AsyncSession, side: UUID, answer: Answer, now: datetime) -> Table:
    seen_offer = await listings_repository.listing(session, Offer, answer.offer_id)
    seen_want = await listings_repository.listing(session, Want, answer.want_id)
    if side not in (seen_offer.organisation_id, seen_want.organisation_id):
        raise NotFound("there is no such match")
    organisations = await share_organisations(session, seen_offer.organisation_id, seen_want.organisation_id)
    offer = await listings_repository.lock_listing(session, Offer, answer.offer_id)
    want = await listings_repository.lock_listing(session, Want, answer.want_id)
    deal = await repository.lock_deal(session, offer.id, want.id) or _blank(offer, want, now)
    return Table(offer, want, deal, organisations[want.organisation_id])


def _blank(offer: Offer, want: Want, now: datetime) -> Deal:
    return Deal(
        id=new_id(),
        offer_id=offer.id,
        want_id=want.id,
        holder_id=offer.organisation_id,
        seeker_id=want.organisation_id,
        material=offer.material,
        created_at=now,
        updated_at=now,
    )


async def _accept(session: AsyncSession, rules: Rules, table: Table, side: UUID, answer: Answer, now: datetime) -> None:
    offer, want, deal = table.offer, table.want, table.deal
    own_kg = deal.holder_kg if side == deal.holder_id else deal.seeker_kg
    if side in deal.accepted_by and answer.quantity_kg in (None, own_kg):
        return
    check_terms(table, answer)
    if deal.state in ("open", "offered"):
        check_open(table, now)
        await _check_law(session, rules, table, now)
    quantity_kg = answer.quantity_kg if answer.quantity_kg is not None else usual_quantity(offer, want)
    deal.accept(side, quantity_kg, now)
    session.add(deal)
    assert deal.quantity_kg is not None
    check_quantity(offer, want, deal.quantity_kg)
    if deal.is_accepted_by_both:
        await _agree(session, rules, table, deal.quantity_kg, now)
    else:
        await session.flush()
        await tell_deal(session, rules, public.DealOffered, deal, now)


async def _agree(session: AsyncSession, rules: Rules, table: Table, quantity_kg: Decimal, now: datetime) -> None:
    """Where rhythms differ only the one-off side is reduced: one lot does not use up a stream."""
    offer, want, deal = table.offer, table.want, table.deal
    is_alike = offer.rhythm == want.rhythm
    less = quantity_kg if is_alike or offer.rhythm == "one_off" else Decimal(0)
    more = quantity_kg if is_alike or want.rhythm == "one_off" else Decimal(0)
    deal.agree(less, more)
    await session.flush()
    if not await listings_repository.move_quantities(session, offer, less, want, more):
        raise Gone(f"{quantity_kg.normalize():f} kg are no longer there, or no longer wanted: state less")
    await tell_deal(session, rules, public.DealAgreed, deal, now)
    await _settle(session, rules, table, now)


async def _settle(session: AsyncSession, rules: Rules, table: Table, now: datetime) -> None:
    """Says what the deal changed of the two listings."""
    for listing, moved in zip(table.listings, (table.deal.offer_less_kg, table.deal.want_more_kg), strict=True):
        if moved:
            before = listing.state
            listing.settle(now)
            await session.flush()
            if listing.state == "lapsed" != before:
                await void_acceptances(session, rules, listing, None, now)
            await tell_settled(session, rules, listing, before, now)


async def _decline(session: AsyncSession, rules: Rules, table: Table, side: UUID, reason: str | None, now: datetime) -> None:
    deal = table.deal
    if deal.state == "declined" and deal.answered_by == side:
        return
    had_accepted = deal.decline(side, reason, now)
    session.add(deal)
    await session.flush()
    await tell_deal(session, rules, public.DealDeclined, deal, now, had_accepted)


async def _release(session: AsyncSession, rules: Rules, table: Table, side: UUID, reason: str | None, now: datetime) -> None:
    deal = table.deal
    if deal.state == "released" and deal.answered_by == side:
        return
    if not reason:
        raise refused("reason", "say why, for the other side to read")
    deal.release(side, reason, now)
    await session.flush()
    await listings_repository.move_quantities(session, table.offer, -deal.offer_less_kg, table.want, -deal.want_more_kg)
    await tell_deal(session, rules, public.DealReleased, deal, now)
    await _settle(session, rules, table, now)


async def _withdraw(session: AsyncSession, rules: Rules, table: Table, side: UUID, now: datetime) -> None:
    deal = table.deal
    if deal.state == "open" and deal.version and deal.answered_by == side:
        return
    had_accepted = deal.withdraw_answer(side, now)
    await session.flush()
    await tell_deal(session, rules, public.DealVoided, deal, now, had_accepted)


def check_terms(table: Table, answer: Answer) -> None:
    """Raises 409 where the terms are no longer those of the version that this side saw."""
    for listing, seen, name in ((table.offer, answer.offer_version, "offer"), (table.want, answer.want_version, "want")):
        if seen is not None and not listing.terms_version <= seen <= listing.version:
            raise TermsChanged(f"the {name} is at version {listing.version}, and its terms are no longer those of {seen}: look again")


def check_open(table: Table, now: datetime) -> None:
    """Raises 409 where a listing has left the market, or is about to: the clocks of listings may be behind after a standstill."""
    for listing in table.listings:
        if listing.state == listing.FULL:
            raise Gone(f"the {listing.__class__.__name__.lower()} is {listing.state}: nothing of it is left")
        if not listing.is_published or listing.has_ended(now):
            state = "lapsed" if listing.is_published else listing.state
            raise NotOpen(f"the {listing.__class__.__name__.lower()} is {state}")
    if table.offer.has_spoilt(now):
        raise NotOpen("the offer is no longer fresh, and is becoming waste: look again in a moment")


async def _check_law(session: AsyncSession, rules: Rules, table: Table, now: datetime) -> None:
    """Section 4, once more and inside the transaction: a licence may have ended since the pair was ranked."""
    seeker, land = table.seeker, rules.country(table.seeker.country)
    licences = await valid_licences(session, seeker.id, land.today(now))
    receipt = land.receipt(table.offer.regime, seeker.kind, licences)
    if receipt.slug is not None:
        raise LawCloses(f"{receipt.slug}: {land.missing_paper(receipt.slug)['es']}")


def usual_quantity(offer: Offer, want: Want) -> Decimal:
    """The quantity that would change hands: matching.md's t, exact, as of now."""
    if not offer.divisible:
        return offer.available_kg
    high = want.still_wanted_kg
    cap = max(FIVE_MINIMA * want.minimum_kg, offer.minimum_lot_kg) if high is None else high
    return min(offer.available_kg, cap)


def check_quantity(offer: Offer, want: Want, quantity_kg: Decimal) -> None:
    """At most what is available and still wanted; never below the minimum lot, nor the want's lo unless it takes partial lots."""
    high = want.still_wanted_kg
    if quantity_kg <= 0 or quantity_kg > offer.available_kg:
        raise Gone(f"of the offer {offer.available_kg.normalize():f} kg are left: state at most that")
    if high is not None and quantity_kg > high:
        raise Gone(f"the want takes {high.normalize():f} kg more: state at most that")
    if not offer.divisible and quantity_kg != offer.available_kg:
        raise BelowMinimum(f"the offer goes whole: {offer.available_kg.normalize():f} kg")
    if quantity_kg < offer.minimum_lot_kg and offer.divisible:
        raise BelowMinimum(f"the offer's minimum lot is {offer.minimum_lot_kg.normalize():f} kg")
    low = want.minimum_kg if high is None else min(want.minimum_kg, high)
    if quantity_kg < low and not want.accept_partial:
        raise BelowMinimum(f"the want takes no less than {low.normalize():f} kg")
