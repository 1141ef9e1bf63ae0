"""From what an event says of a listing to the numbers that the engine scores: kilograms, soles per tonne, bits.

A bucket is a material family; its materials are numbered in the catalogue's order. Everything here rests on public values, so anybody can
do the same (invariant 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from contracts.catalogue import Catalogue
from contracts.countries import Country, Receipt
from contracts.listings import OfferFact, WantFact
from contracts.quantities import kilograms, soles_per_tonne
from contracts.routing import bucket_of_offer, buckets_of_want, partition_of
from kit.transient import TransientError
from services.matching.engine import OfferRow, Terms, WantRow

WEIGHTS = {"material": 0.40, "quantity": 0.10, "distance": 0.15, "price": 0.25, "quality": 0.10}  # matching.md, section 3
GRADES = "DCBA"


def grade_number(grade: str | None) -> int | None:
    """A is 3, D is 0."""
    return None if grade is None else GRADES.index(grade)


class NewerCatalogueError(TransientError):
    """A listing was published by a newer catalogue than this release has: it waits for the upgrade, and what comes behind it with it."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The catalogue and the country's law, as matching reads them."""

    catalogue: Catalogue
    country: Country

    def is_ahead(self, fact: object) -> bool:
        """Whether a fact rests on a newer catalogue than this one."""
        return isinstance(fact, OfferFact | WantFact) and fact.catalogue_version > self.catalogue.version

    def check_known(self, fact: OfferFact | WantFact) -> None:
        """Raises NewerCatalogueError for a listing that stands and names a material that this catalogue lacks."""
        codes = [fact.material] if isinstance(fact, OfferFact) else [entry.material for entry in fact.accepts]
        if missing := [code for code in codes if code not in self.catalogue.materials]:
            raise NewerCatalogueError(f"listing {fact.id} names {', '.join(missing)}, of catalogue {fact.catalogue_version}")

    @property
    def terms(self) -> Terms:
        """The engine's constants."""
        land = self.country
        return Terms(
            freight_per_tonne_km=float(land.freight_per_tonne_km),
            road_factor=float(land.road_factor),
            lorry_kmh=float(land.lorry_kmh),
            handling_hours=float(land.handling_hours),
            weights=WEIGHTS,
        )

    def materials_of(self, bucket: str) -> Sequence[str]:
        """The bucket's codes; a material's number is its place here."""
        return [code for code, material in self.catalogue.materials.items() if material.family == bucket]

    def buckets_of(self, fact: OfferFact | WantFact) -> set[str]:
        """Where a listing is matched."""
        if isinstance(fact, OfferFact):
            return {bucket_of_offer(fact.material, self.catalogue)}
        return buckets_of_want([entry.material for entry in fact.accepts], self.catalogue)

    def partitions_of(self, fact: OfferFact | WantFact) -> set[int]:
        return {partition_of(bucket, self.catalogue) for bucket in self.buckets_of(fact)}

    def receipt(self, offer: OfferFact, want: WantFact) -> Receipt:
        """Whether the law lets this want receive this offer: the paper that is missing, or the evidence that it rests on."""
        return self.country.receipt(offer.regime.slug, want.holder.kind, want.holder.licences)

    def offer_row(self, fact: OfferFact) -> OfferRow:
        material = self.catalogue.materials[fact.material]
        shelf_life = None if material.shelf_life_hours is None else float(material.shelf_life_hours)
        assert fact.published_at is not None
        return OfferRow(
            id=fact.id,
            party=fact.organisation_id,
            material=self.materials_of(material.family).index(fact.material),
            quantity_kg=kilograms(fact.available, material),
            minimum_lot_kg=Decimal(0) if fact.minimum_lot is None else kilograms(fact.minimum_lot, material),
            is_divisible=fact.divisible,
            is_recurring=fact.rhythm == "recurring",
            latitude=fact.place.latitude,
            longitude=fact.place.longitude,
            price=None if fact.price is None else soles_per_tonne(fact.price, material),
            grade=grade_number(fact.grade),
            available_from=fact.available_from,
            available_until=fact.available_until,
            published_at=fact.published_at,
            fresh_until=fact.fresh_until if fact.rhythm == "one_off" else None,
            fresh_hours=shelf_life if fact.rhythm == "recurring" else None,
            half_distance_km=float(material.half_distance_km),
            regime=self.country.regimes.index(fact.regime.slug),
        )

    def want_row(self, fact: WantFact, bucket: str) -> WantRow:
        first = self.catalogue.materials[fact.accepts[0].material]
        maximum = None if fact.maximum is None else kilograms(fact.maximum, first)
        assert fact.published_at is not None
        return WantRow(
            id=fact.id,
            party=fact.organisation_id,
            compatibility=tuple(self._compatibility(code, fact) for code in self.materials_of(bucket)),
            minimum_kg=kilograms(fact.minimum, first),
            still_wanted_kg=None if maximum is None else maximum - fact.agreed.amount,
            accepts_partial=fact.accept_partial,
            is_recurring=fact.rhythm == "recurring",
            latitude=fact.place.latitude,
            longitude=fact.place.longitude,
            radius_km=fact.radius_km,
            bid=None if fact.max_price is None else soles_per_tonne(fact.max_price, first),
            min_grade=grade_number(fact.min_grade),
            needed_from=fact.needed_from,
            needed_until=fact.needed_until,
            published_at=fact.published_at,
            admits=self._admits(fact),
        )

    def _compatibility(self, offered: str, want: WantFact) -> float:
        """matching.md, section 2: the highest of weight times kinship over what the want accepts."""
        return max(entry.weight * self.catalogue.kinship(offered, entry.material) for entry in want.accepts)

    def _admits(self, want: WantFact) -> int:
        """One bit a regime: may this want's organisation receive it?"""
        receipts = [self.country.receipt(regime, want.holder.kind, want.holder.licences) for regime in self.country.regimes]
        return sum(1 << number for number, receipt in enumerate(receipts) if receipt.slug is None)
