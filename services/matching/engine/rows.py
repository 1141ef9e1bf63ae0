"""One listing as the engine takes it: kilograms and prices as exact decimals, places in degrees, times aware, all else as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class OfferRow:
    """A published offer.

    material: its number in the bucket; quantity_kg: still available (q); minimum_lot_kg: 0 if unstated; price: per tonne at its site,
    negative where the holder pays; grade: A is 3, D is 0; fresh_until: of a one-off lot that is fresh; fresh_hours: the shelf life of
    what is perishable and recurring; half_distance_km: of its material; regime: its bit in a want's `admits`.
    """

    id: UUID
    party: UUID
    material: int
    quantity_kg: Decimal
    minimum_lot_kg: Decimal
    is_divisible: bool
    is_recurring: bool
    latitude: float
    longitude: float
    price: Decimal | None
    grade: int | None
    available_from: datetime | None
    available_until: datetime | None
    published_at: datetime
    fresh_until: datetime | None
    fresh_hours: float | None
    half_distance_km: float
    regime: int


@dataclass(frozen=True, slots=True)
class WantRow:
    """A published want.

    compatibility: for each material of the bucket the highest weight x kinship over what is accepted, 0 for none; minimum_kg: as stated;
    still_wanted_kg: maximum less agreed (hi), None without a maximum; bid: per tonne, delivered; admits: one bit a regime that its
    holder may receive.
    """

    id: UUID
    party: UUID
    compatibility: tuple[float, ...]
    minimum_kg: Decimal
    still_wanted_kg: Decimal | None
    accepts_partial: bool
    is_recurring: bool
    latitude: float
    longitude: float
    radius_km: float
    bid: Decimal | None
    min_grade: int | None
    needed_from: datetime | None
    needed_until: datetime | None
    published_at: datetime
    admits: int
