"""How far a material may travel before freight has eaten its worth.

Load-bearing: `half_distance_km`. It is the factor `distance` of every score (matching.md, section 2), so a price corrected in the data
moves it, and a figure set by hand has to say why.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated

from pydantic import Field

from contracts.catalogue.material import Entry

Positive = Annotated[Decimal, Field(gt=0)]


class HalfDistanceRule(Entry):
    """The constants of `catalogue.toml`: PEN per tonne and road kilometre, road per crow-flight kilometre, share of the price, bounds."""

    freight_per_tonne_km: Positive
    road_factor: Positive
    price_share: Positive
    least_km: Positive
    most_km: Positive

    def half_distance_km(self, soles_per_tonne: Decimal) -> Decimal:
        """Whole kilometres after which freight is `price_share` of the price (of its size: who pays to be rid of it looks nearby, too)."""
        kilometres = self.price_share * abs(soles_per_tonne) / (self.freight_per_tonne_km * self.road_factor)
        return min(max(kilometres, self.least_km), self.most_km).quantize(Decimal(1), ROUND_HALF_EVEN)
