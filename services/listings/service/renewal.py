"""What a new catalogue does to listings that stand: derived anew, and told again where that changes them (design.md, Matching at scale).

It is a step of starting, before anything is served. Load-bearing: one transaction, in which what the listings now rest on is kept, too:
a kill leaves all or nothing, and whoever starts next, or at the same time, finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from contracts import listings as public
from contracts.catalogue import Catalogue, CatalogueError, Fault
from contracts.countries import Country
from contracts.quantities import UnitError, kilograms, kilograms_per
from contracts.routing import buckets_of_want, partition_of
from contracts.values import Quantity
from services.listings.listing import Listing
from services.listings.offer import Offer
from services.listings.repository import catalogue as repository
from services.listings.repository.catalogue import Basis
from services.listings.rules import Rules
from services.listings.service.market import tell_settled, void_acceptances
from services.listings.service.telling import partitions_of, share_organisations, tell_listing
from services.listings.want import Want

log = structlog.get_logger()
AT_ONCE = 200
VOLUMES = ("m3", "L")


@dataclass(frozen=True, slots=True)
class Difference:
    """Between what the listings rest on and what the catalogue says now, by material. A material never seen before is in neither."""

    before: Mapping[str, Basis]
    now: Mapping[str, Basis]

    @property
    def codes(self) -> set[str]:
        """The materials whose listings must be looked at."""
        return {code for code, basis in self.now.items() if self.before.get(code) != basis}

    def is_of(self, code: str, *path: str) -> bool:
        """Whether it is known to concern this part of the material."""
        if code not in self.before:
            return False
        before, now = self.before[code], self.now[code]
        for name in path:
            before, now = before[name], now[name]
        return before != now


async def renew_listings(session: AsyncSession, rules: Rules, now: datetime) -> int:
    """How many listings were changed. Raises CatalogueError where listings need what this catalogue has no more."""
    difference = Difference(await repository.lock_basis(session), basis_of(rules.catalogue))
    if difference.before == difference.now:
        return 0
    if faults := [*await _lacking(session, rules.catalogue), *await _moved(session, rules.catalogue)]:
        raise CatalogueError(faults)
    renewed = 0
    for kind in (Offer, Want):
        async for page in repository.naming(session, kind, difference.codes, AT_ONCE):
            renewed += await _renew_page(session, rules, difference, list(page), now)
            session.expunge_all()
    await repository.keep_basis(session, difference.now)
    if difference.before:
        log.info("the catalogue is another one", version=rules.catalogue.version, materials=len(difference.codes), renewed=renewed)
    return renewed


def basis_of(catalogue: Catalogue) -> dict[str, Basis]:
    """Of each material what a listing is derived from: what its units weigh, what the law asks, and where a want of it is matched."""
    return {
        code: {
            "volume": None if material.density_kg_m3 is None else str(material.density_kg_m3),
            "count": None if material.unit_weight_kg is None else str(material.unit_weight_kg),
            "facts": material.usual_facts.model_dump(),
            "law": [material.special_regime, material.hazardous, str(material.shelf_life_hours)],
            "partitions": sorted(partition_of(bucket, catalogue) for bucket in buckets_of_want([code], catalogue)),
        }
        for code, material in catalogue.materials.items()
    }


async def _lacking(session: AsyncSession, catalogue: Catalogue) -> list[Fault]:
    """A material that listings name stays, and stays countable as they count it."""
    faults = {}
    for one in await repository.cited(session):
        file, material = f"materials/{one.code.split('.')[0]}.toml", catalogue.get(one.code)
        if material is None:
            faults[one.code] = Fault(file, one.code, f"listings of this exchange name it ({one.listings} or more): put it back")
            continue
        try:
            kilograms_per(one.unit, material)
        except UnitError:
            figure = "density_kg_m3" if one.unit in VOLUMES else "unit_weight_kg"
            faults[one.code] = Fault(file, one.code, f"{one.listings} of this exchange's listings are in {one.unit}: put its {figure} back")
    return list(faults.values())


async def _moved(session: AsyncSession, catalogue: Catalogue) -> list[Fault]:
    """A family that moved to another partition would be matched by two owners."""
    return [
        Fault(
            "catalogue.toml", None, f"family {family!r} is matched on partition {partition} for good: give it back partition = {partition}"
        )
        for family, partition in (await repository.matched_on(session)).items()
        if catalogue.partitions.get(family, partition) != partition
    ]


async def _renew_page(session: AsyncSession, rules: Rules, difference: Difference, page: list[Any], now: datetime) -> int:
    organisations = await share_organisations(session, *{listing.organisation_id for listing in page})
    renewed = 0
    for listing in page:
        land = rules.country(organisations[listing.organisation_id].country)
        renewed += await _renew(session, rules, difference, listing, land, now)
    await session.flush()
    return renewed


async def _renew(session: AsyncSession, rules: Rules, difference: Difference, listing: Any, land: Country, now: datetime) -> bool:
    before, was_waste = listing.state, isinstance(listing, Offer) and listing.lapsed_to_waste
    _derive(listing, rules, land, now)
    is_another = session.is_modified(listing) or any(_rests_on(listing, difference))
    if not (is_another or (listing.is_published and listing.partitions != partitions_of(rules, listing))):
        return False
    listing.settle(now)
    if is_another:
        listing.terms_version = listing.version
        await void_acceptances(session, rules, listing, None, now)
    await session.flush()
    if isinstance(listing, Offer) and listing.is_published and listing.lapsed_to_waste and not was_waste:
        await tell_listing(session, rules, public.OfferLapsedToWaste, listing, now)
    else:
        await tell_settled(session, rules, listing, before, now)
    return True


def _derive(listing: Listing, rules: Rules, land: Country, now: datetime) -> None:
    """What deals have taken stays, though it be more than the whole now is: an agreed quantity stands."""
    if isinstance(listing, Offer):
        material = rules.material(listing.material)
        quantity = Quantity(amount=listing.quantity_amount, unit=listing.quantity_unit)
        listing.quantity_kg = max(kilograms(quantity, material), listing.taken_kg)
        if listing.minimum_lot_amount is not None:
            listing.minimum_lot_kg = kilograms(Quantity(amount=listing.minimum_lot_amount, unit=listing.minimum_lot_unit), material)
        listing.judge(material, land, now)
    elif isinstance(listing, Want):
        material = rules.material(listing.codes[0])
        listing.minimum_kg = kilograms(Quantity(amount=listing.minimum_amount, unit=listing.minimum_unit), material)
        if listing.maximum_amount is not None:
            most = kilograms(Quantity(amount=listing.maximum_amount, unit=listing.maximum_unit), material)
            listing.maximum_kg = max(most, listing.agreed_kg)


def _rests_on(listing: Listing, difference: Difference) -> Iterator[bool]:
    """Whether something of the listing is another, though its own columns are not: a price by volume, a fact that was presumed."""
    if isinstance(listing, Offer):
        code, units = listing.material, (listing.quantity_unit, listing.minimum_lot_unit, listing.price_per)
        presumed = [name for name in difference.now[code]["facts"] if name not in listing.stated_facts]
        yield any(difference.is_of(code, "facts", name) for name in presumed)
    elif isinstance(listing, Want):
        code, units = listing.codes[0], (listing.minimum_unit, listing.maximum_unit, listing.max_price_per)
    yield any(unit in VOLUMES for unit in units) and difference.is_of(code, "volume")
    yield "unit" in units and difference.is_of(code, "count")
