"""Gates and factors of many pairs at once (matching.md, sections 1 and 2): one offer against wants, or offers against one want.

Both sides come as tables that broadcast against each other (one of them has one row). Every factor is in [0, 1]; nothing here warns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.columns import Table
from services.matching.engine.terms import EARTH_RADIUS_KM, FACTORS, Terms

Numbers = NDArray[np.float64]
Claims = NDArray[np.bool_]
MICROSECONDS_AN_HOUR = 3_600_000_000
GATES = ("same_organisation", "not_open", "material", "quantity", "lot", "distance", "price", "grade", "time", "freshness")
LAW = "law"


@dataclass(frozen=True, slots=True)
class Scored:
    """Of N pairs. factors: [N, 5] in the order of FACTORS; gates: [N, 10] in the order of GATES; is_lawful: [N]."""

    factors: Numbers
    scores: Numbers
    distances_km: Numbers
    quantities_kg: Numbers
    gates: Claims
    is_lawful: Claims

    @property
    def is_open(self) -> Claims:
        return self.gates.all(axis=1) & self.is_lawful

    @property
    def is_blocked(self) -> Claims:
        """Nothing but the law closes it."""
        return self.gates.all(axis=1) & ~self.is_lawful


def at_most(table: Table, left: str, other: Table, right: str) -> Claims:
    """left <= right, as exact decimals."""
    same: Claims = table[f"{left}_hi"] == other[f"{right}_hi"]
    less: Claims = table[f"{left}_hi"] < other[f"{right}_hi"]
    return less | (same & (table[f"{left}_lo"] <= other[f"{right}_lo"]))


def is_positive(table: Table, name: str) -> Claims:
    found: Claims = table[f"{name}_hi"] > 0
    return found


def score(offers: Table, wants: Table, terms: Terms) -> Scored:
    """Everything about the pairs."""
    size = max(len(offers), len(wants))
    distances = _distances(offers, wants)
    cap, moved = _amounts(offers, wants)
    delivered = offers["price_hi"] + terms.freight_per_tonne_km * terms.road_factor * distances
    compatibility = _compatibility(offers, wants)
    columns = {
        "material": compatibility,
        "quantity": _quantity(offers, wants, cap, moved, terms),
        "distance": np.exp2(-distances / offers["half_distance"]),
        "price": _price(delivered, wants, terms),
        "quality": _quality(offers, wants, terms),
    }
    factors = np.column_stack([np.broadcast_to(columns[name], size) for name in FACTORS])
    gates = np.column_stack([np.broadcast_to(gate, size) for gate in _gates(offers, wants, distances, delivered, compatibility, terms)])
    scores = np.prod(factors ** np.array(terms.ordered_weights), axis=1)
    lawful = np.broadcast_to((wants["admits"] & offers["regime_bit"]) != 0, size)
    return Scored(factors, scores, np.broadcast_to(distances, size), np.broadcast_to(moved, size), gates, lawful)


def _distances(offers: Table, wants: Table) -> Numbers:
    """Haversine, in kilometres."""
    half = np.sin((wants["latitude"] - offers["latitude"]) / 2) ** 2
    half = half + offers["cos_latitude"] * wants["cos_latitude"] * np.sin((wants["longitude"] - offers["longitude"]) / 2) ** 2
    found: Numbers = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(1.0, half)))
    return found


def _amounts(offers: Table, wants: Table) -> tuple[Numbers, Numbers]:
    """hi' and t, in kilograms."""
    cap = np.where(wants["is_open_ended"], np.maximum(wants["five_hi"], offers["lot_hi"]), wants["high_hi"])
    return cap, np.where(offers["is_divisible"], np.minimum(offers["q_hi"], cap), offers["q_hi"])


def _compatibility(offers: Table, wants: Table) -> Numbers:
    found: Numbers = wants["compatibility"][np.arange(len(wants)) if len(wants) > 1 else 0, offers["material"]]
    return found


def _quantity(offers: Table, wants: Table, cap: Numbers, moved: Numbers, terms: Terms) -> Numbers:
    """min(1, t / lo) x sqrt(min(q, hi') / max(q, hi')), less where the rhythms differ; 0 where nothing is left."""
    quantity, low = offers["q_hi"], wants["low_hi"]
    is_some = (quantity > 0) & (low > 0) & (cap > 0)
    enough = np.minimum(1.0, np.where(is_some, moved, 0.0) / np.where(is_some, low, 1.0))
    fit = np.sqrt(np.where(is_some, np.minimum(quantity, cap), 0.0) / np.where(is_some, np.maximum(quantity, cap), 1.0))
    rhythm = np.where(offers["is_recurring"] == wants["is_recurring"], 1.0, terms.other_rhythm)
    found: Numbers = enough * fit * rhythm
    return found


def _price(delivered: Numbers, wants: Table, terms: Terms) -> Numbers:
    """0.5 at the limit, 1 with room to spare; 0.5 where either is unstated; 0 at least, where the gate is closed."""
    bid = wants["price_hi"]
    room = np.maximum(terms.price_share * np.abs(bid), terms.price_floor)
    stated = 0.5 + 0.5 * np.clip((bid - delivered) / room, -1.0, 1.0)
    return np.where(np.isnan(stated), 0.5, stated)


def _quality(offers: Table, wants: Table, terms: Terms) -> Numbers:
    """1 for the grade asked, 0.05 less a step above it; 0.60 where either is unstated; 0 below it."""
    steps = offers["grade"] - wants["grade"]
    found = np.where(steps >= 0, 1.0 - terms.step_down * steps, 0.0)
    return np.where(np.isnan(steps), terms.unstated_quality, found)


def _gates(offers: Table, wants: Table, distances: Numbers, delivered: Numbers, compatibility: Numbers, terms: Terms) -> list[Claims]:
    """In the order of GATES."""
    steps = offers["grade"] - wants["grade"]
    other_party = (offers["party_hi"] != wants["party_hi"]) | (offers["party_lo"] != wants["party_lo"])
    return [
        other_party,
        is_positive(offers, "q") & is_positive(wants, "high"),
        compatibility >= terms.least_compatible,
        at_most(wants, "low", offers, "q") | wants["accepts_partial"],
        _lot(offers, wants),
        distances <= wants["radius"],
        _affordable(offers, wants, distances, delivered),
        np.isnan(steps) | (steps >= 0),
        (offers["begin"] <= wants["end"]) & (wants["begin"] <= offers["end"]),
        _fresh(offers, wants, distances, terms),
    ]


def _lot(offers: Table, wants: Table) -> Claims:
    divisible = at_most(offers, "lot", offers, "q") & at_most(offers, "lot", wants, "high")
    found: Claims = np.where(offers["is_divisible"], divisible, at_most(offers, "q", wants, "high"))
    return found


def _affordable(offers: Table, wants: Table, distances: Numbers, delivered: Numbers) -> Claims:
    """L <= max_price; where nothing is driven, as exact decimals."""
    unstated = np.isnan(offers["price_hi"]) | np.isnan(wants["price_hi"])
    driven = delivered <= wants["price_hi"]
    found: Claims = unstated | np.where(distances == 0, at_most(offers, "price", wants, "price"), driven)
    return found


def _fresh(offers: Table, wants: Table, distances: Numbers, terms: Terms) -> Claims:
    """The road is shorter than what is left of its life, less the time to load."""
    hours = terms.road_factor * distances / terms.lorry_kmh
    starts = np.maximum(np.maximum(offers["begin"], wants["begin"]), np.maximum(offers["published"], wants["published"]))
    left = (offers["fresh_until"] - starts) / MICROSECONDS_AN_HOUR
    one_off = hours <= left - terms.handling_hours
    recurring = hours <= offers["fresh_hours"] - terms.handling_hours
    found: Claims = one_off & recurring
    return found
