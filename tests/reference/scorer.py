"""The plain reference: one pair (offer, want), scored slowly and obviously, as matching.md (score version 1) says.

It takes the engine's rows, which are only values, and shares no arithmetic with it: no numpy, no arrays, decimals compared as decimals.
Section numbers are matching.md's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from services.matching.engine.rows import OfferRow, WantRow

EARTH_RADIUS_KM = 6371.0088
ROAD = 1.4  # road kilometres per kilometre as the crow flies
FREIGHT = 0.23  # PEN per tonne and road kilometre
LORRY_KMH = 40
HANDLING_HOURS = 2
WEIGHTS = {"material": 0.40, "quantity": 0.10, "distance": 0.15, "price": 0.25, "quality": 0.10}
LEAST_COMPATIBLE = 0.2
OTHER_RHYTHM = 0.7
QUALITY = {0: 1.0, 1: 0.95, 2: 0.90, 3: 0.85}
BEGINNING, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
Key = tuple[float, float, str]


@dataclass(frozen=True)
class Verdict:
    """closed: slugs of the closed gates, "law" for the regime's; score: what the pair has, or would have were its gates open."""

    closed: tuple[str, ...]
    factors: Mapping[str, float]
    score: float
    distance_km: float
    quantity_kg: float


def judge(offer: OfferRow, want: WantRow) -> Verdict:
    """Everything about one pair."""
    distance = distance_km(offer, want)
    factors = {
        "material": want.compatibility[offer.material],
        "quantity": quantity_factor(offer, want),
        "distance": 0.5 ** (distance / offer.half_distance_km),
        "price": price_factor(offer, want, distance),
        "quality": quality_factor(offer.grade, want.min_grade),
    }
    score = math.prod(factor ** WEIGHTS[name] for name, factor in factors.items())
    return Verdict(closed_gates(offer, want, distance), factors, score, distance, float(moved(offer, want)))


def distance_km(offer: OfferRow, want: WantRow) -> float:
    """Preamble: haversine."""
    latitudes = math.radians(offer.latitude), math.radians(want.latitude)
    longitudes = math.radians(offer.longitude), math.radians(want.longitude)
    north = math.sin((latitudes[1] - latitudes[0]) / 2)
    east = math.sin((longitudes[1] - longitudes[0]) / 2)
    half = north * north + math.cos(latitudes[0]) * math.cos(latitudes[1]) * east * east
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))


def high_gate(want: WantRow) -> Decimal:
    """hi: infinite if unstated."""
    return Decimal("Infinity") if want.still_wanted_kg is None else want.still_wanted_kg


def low(want: WantRow) -> Decimal:
    """lo: the smaller of the minimum and hi."""
    return min(want.minimum_kg, high_gate(want))


def high(offer: OfferRow, want: WantRow) -> Decimal:
    """hi': hi, or if unstated the larger of 5 lo and the offer's minimum lot."""
    return max(5 * low(want), offer.minimum_lot_kg) if want.still_wanted_kg is None else want.still_wanted_kg


def moved(offer: OfferRow, want: WantRow) -> Decimal:
    """t: the quantity that would change hands."""
    return min(offer.quantity_kg, high(offer, want)) if offer.is_divisible else offer.quantity_kg


def quantity_factor(offer: OfferRow, want: WantRow) -> float:
    """Section 2; 0 where there is nothing on a side."""
    available, least, most = offer.quantity_kg, low(want), high(offer, want)
    if available <= 0 or least <= 0:
        return 0.0
    enough = min(1.0, float(moved(offer, want) / least))
    fit = math.sqrt(min(available, most) / max(available, most))
    return enough * fit * (1.0 if offer.is_recurring == want.is_recurring else OTHER_RHYTHM)


def price_factor(offer: OfferRow, want: WantRow, distance: float) -> float:
    """Section 2; not below 0, where the gate is closed."""
    if offer.price is None or want.bid is None:
        return 0.5
    bid = float(want.bid)
    room = bid - (float(offer.price) + FREIGHT * ROAD * distance)
    return max(0.0, 0.5 + 0.5 * min(1.0, room / max(0.2 * abs(bid), 20.0)))


def quality_factor(grade: int | None, asked: int | None) -> float:
    """Section 2; 0 below what is asked, where the gate is closed."""
    return 0.60 if grade is None or asked is None else QUALITY.get(grade - asked, 0.0)


def closed_gates(offer: OfferRow, want: WantRow, distance: float) -> tuple[str, ...]:
    """Section 1, in its order."""
    gates = {
        "same_organisation": offer.party != want.party,
        "not_open": offer.quantity_kg > 0 and high_gate(want) > 0,
        "material": want.compatibility[offer.material] >= LEAST_COMPATIBLE,
        "quantity": offer.quantity_kg >= low(want) or want.accepts_partial,
        "lot": is_lot_right(offer, want),
        "distance": distance <= want.radius_km,
        "price": is_price_met(offer, want, distance),
        "grade": offer.grade is None or want.min_grade is None or offer.grade >= want.min_grade,
        "time": (offer.available_from or BEGINNING) <= (want.needed_until or END)
        and (want.needed_from or BEGINNING) <= (offer.available_until or END),
        "freshness": arrives_fresh(offer, want, distance),
        "law": want.admits >> offer.regime & 1 == 1,
    }
    return tuple(slug for slug, is_open in gates.items() if not is_open)


def is_lot_right(offer: OfferRow, want: WantRow) -> bool:
    if offer.is_divisible:
        return offer.minimum_lot_kg <= min(offer.quantity_kg, high_gate(want))
    return offer.quantity_kg <= high_gate(want)


def is_price_met(offer: OfferRow, want: WantRow, distance: float) -> bool:
    if offer.price is None or want.bid is None:
        return True
    if distance == 0:
        return offer.price <= want.bid
    return float(offer.price) + FREIGHT * ROAD * distance <= float(want.bid)


def arrives_fresh(offer: OfferRow, want: WantRow, distance: float) -> bool:
    road_hours = ROAD * distance / LORRY_KMH
    if offer.is_recurring:
        return offer.fresh_hours is None or road_hours <= offer.fresh_hours - HANDLING_HOURS
    if offer.fresh_until is None:
        return True
    starts = (offer.available_from, want.needed_from, offer.published_at, want.published_at)
    left = offer.fresh_until - max(start for start in starts if start is not None)
    return road_hours <= left / timedelta(hours=1) - HANDLING_HOURS


def key(verdict: Verdict, counterpart: UUID) -> Key:
    """Section 3: the higher score, the nearer, the smaller id."""
    return (-round(verdict.score, 10), round(verdict.distance_km, 6), str(counterpart))


def ranked(pairs: Iterable[tuple[UUID, OfferRow, WantRow]], closed: tuple[str, ...] = ()) -> list[tuple[UUID, Verdict]]:
    """The counterparts (id, and the two rows) whose closed gates are exactly these, in order."""
    verdicts = [(counterpart, judge(offer, want)) for counterpart, offer, want in pairs]
    return sorted((one for one in verdicts if one[1].closed == closed), key=lambda one: key(one[1], one[0]))
