"""The sample market as it stands once it is loaded, without an exchange: for its map, and for the tests of what it shows.

Load-bearing: a line becomes a listing by the import's own reading and drafting, and two listings a pair by the engine, so that nothing
here says for itself what the law is or what fits. Ids follow from the files, so that the same files give the same picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts.catalogue import Catalogue
from contracts.countries import country
from contracts.listings import Holder, OfferFact, WantFact
from infra.sample.market import SIDES, SampleOrganisation, spreadsheet
from infra.sample.moments import day
from kit.problems import Unprocessable
from services.listings.organisation import Site
from services.listings.rules import Rules
from services.listings.service.drafting import site_for
from services.listings.service.sides import OFFERS, WANTS, Side
from services.listings.spreadsheet import Read, Reader, Sites, read_sheet
from services.matching.bucket import Rulebook
from services.matching.engine import Index


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands on the market, and whose it is by id."""

    organisations: Mapping[UUID, SampleOrganisation]
    offers: Sequence[OfferFact]
    wants: Sequence[WantFact]


@dataclass(frozen=True, slots=True)
class Fit:
    """A pair that every gate lets through."""

    score: float
    offer: OfferFact
    want: WantFact


def standing(market: Sequence[SampleOrganisation], catalogue: Catalogue, now: datetime) -> Standing:
    """All that the files publish, as it stands at this moment. Raises what the import would refuse it with."""
    rules, organisations = Rules(catalogue), {_id(one.tax_id): one for one in market}
    facts = [fact for one in market for fact in _facts(one, rules, now)]
    offers, wants = [one for one in facts if isinstance(one, OfferFact)], [one for one in facts if isinstance(one, WantFact)]
    return Standing(organisations, offers, wants)


def fits(market: Standing, catalogue: Catalogue) -> Iterator[Fit]:
    """Every match, by bucket and offer, an offer's best first."""
    rulebook, offers, wants = (
        Rulebook(catalogue, country()),
        {one.id: one for one in market.offers},
        {one.id: one for one in market.wants},
    )
    for bucket, index in _indexes(market, rulebook).items():
        for offer in (one for one in offers.values() if bucket in rulebook.buckets_of(one)):
            ranking = index.rank_offer(offer.id)
            for want, score in zip(ranking.ids, ranking.scores.tolist(), strict=True):
                yield Fit(score, offer, wants[want])


def _indexes(market: Standing, rulebook: Rulebook) -> Mapping[str, Index]:
    indexes = {one.code: Index(len(rulebook.materials_of(one.code)), rulebook.terms) for one in rulebook.catalogue.families}
    for offer in market.offers:
        for bucket in rulebook.buckets_of(offer):
            indexes[bucket].put_offer(rulebook.offer_row(offer))
    for want in market.wants:
        for bucket in rulebook.buckets_of(want):
            indexes[bucket].put_want(rulebook.want_row(want, bucket))
    return indexes


def _facts(organisation: SampleOrganisation, rules: Rules, now: datetime) -> Iterator[OfferFact | WantFact]:
    sites, holder = _sites(organisation, now), _holder(organisation, now)
    names = Sites.of({str(site.id): site.name for site in sites})
    sides: tuple[Side[Any, Any], ...] = (OFFERS, WANTS)
    for name, side in zip(SIDES, sides, strict=True):
        if lines := organisation.listings[name]:
            sheet = read_sheet(spreadsheet(lines, now), side.name)
            reader = Reader(side.name, sheet.habits, country().timezone, names)
            for read in (one for one in map(reader.read, sheet.rows) if one.is_to_publish):
                yield _fact(_listing(read, side, sites, rules, now), side, holder, rules)


def _listing(read: Read, side: Side[Any, Any], sites: list[Site], rules: Rules, now: datetime) -> Any:
    """Raises Unprocessable."""
    if read.errors:
        raise Unprocessable("; ".join(f"{one.field}: {one.message}" for one in read.errors), read.errors)
    owner, land = sites[0].organisation_id, country()
    draft = side.draft.model_validate(read.fields)
    listing = side.blank(_id(str(owner), side.name, draft.external_id), owner, now)
    side.write(listing, draft, site_for(draft, sites), rules, land, now)
    listing.publish(now)
    side.judge(listing, rules, land, now)
    return listing


def _fact(listing: Any, side: Side[Any, Any], holder: Holder, rules: Rules) -> OfferFact | WantFact:
    version = rules.catalogue.version
    if side is OFFERS:
        return OfferFact(**listing.shown(rules.material(listing.material)), holder=holder, catalogue_version=version)
    return WantFact(**listing.shown(), holder=holder, catalogue_version=version)


def _sites(organisation: SampleOrganisation, now: datetime) -> list[Site]:
    return [
        Site(
            id=_id(organisation.tax_id, "site", cells["name"]),
            organisation_id=_id(organisation.tax_id),
            name=cells["name"],
            latitude=float(cells["latitude"]),
            longitude=float(cells["longitude"]),
            place_code=cells["place_code"] or None,
            created_at=now,
        )
        for cells in organisation.sites
    ]


def _holder(organisation: SampleOrganisation, now: datetime) -> Holder:
    """With the papers that are valid today; a paper begins as declared."""
    today = country().today(now)
    held = [{"kind": one["kind"], "valid_until": day(one["valid_until"], today), "evidence": "declared"} for one in organisation.licences]
    valid = [one for one in held if one["valid_until"] is None or one["valid_until"] >= today.isoformat()]
    return Holder.model_validate({"kind": organisation.cells["kind"], "licences": valid})


def _id(*parts: str) -> UUID:
    return uuid5(NAMESPACE_URL, "/".join(("ayni-sample", *parts)))
