"""The events of listings: what happened, as others may see it, in the transaction that made it true.

Load-bearing: the organisation's row is locked (shared) before its licences are read, so that a licence that is being added cannot
miss a want that is being published, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from contracts import listings as public
from contracts.envelope import Event
from contracts.routing import bucket_of_offer, buckets_of_want, partition_of
from contracts.topics import DEALS, OFFERS, QUESTIONS, STANDING, WANTS
from kit import telemetry
from kit.ids import new_id
from kit.outbox import Route, record, record_all
from kit.tracing import carried
from services.listings.deal import Deal
from services.listings.offer import Offer
from services.listings.organisation import Organisation
from services.listings.repository.organisations import valid_licences
from services.listings.rules import Rules
from services.listings.want import Want


async def share_organisations(session: AsyncSession, *ids: UUID) -> dict[UUID, Organisation]:
    """Locks these organisations against a change of their licences, in the order of their ids."""
    statement = select(Organisation).where(col(Organisation.id).in_(ids)).order_by(col(Organisation.id)).with_for_update(read=True)
    return {one.id: one for one in (await session.execute(statement)).scalars()}


async def holder_of(session: AsyncSession, rules: Rules, organisation_id: UUID, now: datetime) -> public.Holder:
    """Kind and licences, valid today in the organisation's country."""
    organisation = await session.get_one(Organisation, organisation_id)
    today = rules.country(organisation.country).today(now)
    licences = await valid_licences(session, organisation_id, today)
    return public.Holder.model_validate({"kind": organisation.kind, "licences": [_told(one) for one in licences]})


def _told(licence: object) -> public.HeldLicence:
    return public.HeldLicence.model_validate(licence, from_attributes=True)


async def offer_fact(session: AsyncSession, rules: Rules, offer: Offer, now: datetime) -> public.OfferFact:
    """The offer as every event of it carries it."""
    return _offer_fact(rules, offer, await holder_of(session, rules, offer.organisation_id, now))


async def want_fact(session: AsyncSession, rules: Rules, want: Want, now: datetime) -> public.WantFact:
    """The want as every event of it carries it."""
    return _want_fact(rules, want, await holder_of(session, rules, want.organisation_id, now))


def _offer_fact(rules: Rules, offer: Offer, holder: public.Holder) -> public.OfferFact:
    shown = offer.shown(rules.material(offer.material))
    return public.OfferFact(**shown, holder=holder, catalogue_version=rules.catalogue.version)


def _want_fact(rules: Rules, want: Want, holder: public.Holder) -> public.WantFact:
    return public.WantFact(**want.shown(), holder=holder, catalogue_version=rules.catalogue.version)


def partitions_of(rules: Rules, listing: Offer | Want) -> list[int]:
    """Where it is matched: an offer in its family's partition, a want wherever an offer for it could come from, or ever could."""
    if isinstance(listing, Offer):
        return [partition_of(bucket_of_offer(listing.material, rules.catalogue), rules.catalogue)]
    concerned = {partition_of(bucket, rules.catalogue) for bucket in buckets_of_want(listing.codes, rules.catalogue)}
    return sorted(concerned | set(listing.partitions))


def _routed(rules: Rules, event: type[Event], listing: Offer | Want, holder: public.Holder, now: datetime) -> tuple[Event, list[Route]]:
    """The event, once for everybody and once a partition that it concerns or ever concerned (design.md, Routing)."""
    listing.partitions = partitions_of(rules, listing)
    if isinstance(listing, Offer):
        fact: public.OfferFact | public.WantFact = _offer_fact(rules, listing, holder)
        topic = OFFERS
    else:
        fact, topic = _want_fact(rules, listing, holder), WANTS
    routes = [*(Route(STANDING, number) for number in listing.partitions), Route(topic)]
    return _event(event, str(listing.id), listing.version, fact, now), routes


async def tell_listing(session: AsyncSession, rules: Rules, event: type[Event], listing: Offer | Want, now: datetime) -> None:
    """Records an `offer.*` or `want.*` event."""
    holder = await holder_of(session, rules, listing.organisation_id, now)
    await record(session, *_routed(rules, event, listing, holder, now))


async def tell_listings(session: AsyncSession, rules: Rules, event: type[Event], listings: Sequence[Offer | Want], now: datetime) -> None:
    """Records one event of each, in their order."""
    holders = {id: await holder_of(session, rules, id, now) for id in {one.organisation_id for one in listings}}
    await record_all(session, [_routed(rules, event, one, holders[one.organisation_id], now) for one in listings])


@dataclass(slots=True)
class Telling:
    """Many events of one organisation's listings, recorded together at the end of a transaction."""

    session: AsyncSession
    rules: Rules
    holder: public.Holder
    now: datetime
    events: list[tuple[Event, list[Route]]] = field(default_factory=list)

    @classmethod
    async def begin(cls, session: AsyncSession, rules: Rules, organisation_id: UUID, now: datetime) -> Telling:
        return cls(session, rules, await holder_of(session, rules, organisation_id, now), now)

    def tell(self, event: type[Event], listing: Offer | Want) -> None:
        self.events.append(_routed(self.rules, event, listing, self.holder, self.now))

    async def record(self) -> None:
        """What was told since the last time."""
        events, self.events = self.events, []
        await record_all(self.session, events)


async def ask_holder(session: AsyncSession, rules: Rules, listing: Offer | Want, lapses_at: datetime, now: datetime) -> None:
    """Records the question whether a listing still stands, for notifications to put to its holder."""
    organisation = await session.get_one(Organisation, listing.organisation_id)
    question = public.Question(
        id=listing.id,
        side="offer" if isinstance(listing, Offer) else "want",
        organisation_id=listing.organisation_id,
        title=listing.title,
        lapses_at=lapses_at,
        answer_by=rules.country(organisation.country).today(lapses_at),
    )
    await record(session, _event(public.HolderAsked, str(listing.id), listing.questions, question, now), [Route(QUESTIONS)])


async def tell_deal(
    session: AsyncSession,
    rules: Rules,
    event: type[public.DealEvent],
    deal: Deal,
    now: datetime,
    had_accepted: tuple[UUID, ...] = (),
) -> None:
    """Records a `deal.*` event: for its two sides, and for the owner of its offer's bucket."""
    fact = public.DealFact(
        **dict(deal.shown()),
        material=deal.material,
        parties=(deal.holder_id, deal.seeker_id),
        answered_by=deal.answered_by,
        had_accepted=had_accepted,
    )
    partition = partition_of(bucket_of_offer(deal.material, rules.catalogue), rules.catalogue)
    await record(session, _event(event, str(deal.id), deal.version, fact, now), [Route(STANDING, partition), Route(DEALS)])


def _event(event: type[Event], subject: str, version: int, fact: public.Shape, now: datetime) -> Event:
    causes = {"correlation_id": telemetry.correlation_id.get(), "traceparent": carried()}
    return event(id=new_id(), time=now, subject=subject, version=version, data=fact, **causes)
