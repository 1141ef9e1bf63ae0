"""How good is a pair? The factors and the score of matching.md, sections 2 and 3, for one listing against many of the other side.

Each factor is [N], in [0, 1], also where a gate is closed, and warns of nothing. Load-bearing: the score is the product of powers; one
factor of 0 makes it 0.
"""

from __future__ import annotations

import numpy as np

from services.matching.engine.columns import Table
from services.matching.engine.exact import Numbers
from services.matching.engine.gates import compatibility, delivered
from services.matching.engine.terms import Terms


def distances_km(offers: Table, wants: Table, terms: Terms) -> Numbers:
    """Haversine between the rounded places: [N], exactly 0 where they are the same."""
    across = np.sin((wants["latitude"] - offers["latitude"]) / 2) ** 2
    along = np.sin((wants["longitude"] - offers["longitude"]) / 2) ** 2
    half = across + offers["cosine"] * wants["cosine"] * along
    found: Numbers = 2 * terms.earth_radius_km * np.arcsin(np.sqrt(np.minimum(1.0, half)))
    return found


def highest_kg(offers: Table, wants: Table) -> Numbers:
    """hi': what is still wanted, or, without a maximum, the larger of five minima and the offer's least lot."""
    return np.where(wants["has_maximum"], wants["high"], np.maximum(wants["open_high"], offers["lot"]))


def quantities_kg(offers: Table, wants: Table) -> Numbers:
    """t: what would change hands."""
    return np.where(offers["is_divisible"], np.minimum(offers["quantity"], highest_kg(offers, wants)), offers["quantity"])


def quantity(offers: Table, wants: Table, terms: Terms) -> Numbers:
    """Enough for the buyer, and two sizes that fit; less where the rhythms differ; 0 where nothing is left on a side."""
    available, low, high = offers["quantity"], wants["low"], highest_kg(offers, wants)
    is_some = (available > 0) & (low > 0)
    enough = np.minimum(1.0, quantities_kg(offers, wants) / np.where(is_some, low, 1.0))
    fit = np.minimum(available, high) / np.where(is_some, np.maximum(available, high), 1.0)
    rhythm = np.where(offers["is_recurring"] == wants["is_recurring"], 1.0, terms.other_rhythm)
    return np.where(is_some, enough * np.sqrt(np.maximum(0.0, fit)) * rhythm, 0.0)


def distance(offers: Table, distance_km: Numbers) -> Numbers:
    """Halved with every half-distance of the material."""
    found: Numbers = np.exp2(-distance_km / offers["half_distance_km"])
    return found


def price(offers: Table, wants: Table, terms: Terms, distance_km: Numbers) -> Numbers:
    """At the limit 0.5, with room to spare 1, unstated 0.5; above the limit, where the gate is closed, down to 0."""
    bid, limit = wants["price"], terms.price_at_limit
    room = (bid - delivered(offers, terms, distance_km)) / np.maximum(terms.room_share * np.abs(bid), terms.least_room)
    stated = np.maximum(0.0, limit + (1 - limit) * np.minimum(1.0, room))
    return np.where(offers["is_priced"] & wants["is_priced"], stated, limit)


def quality(offers: Table, wants: Table, terms: Terms) -> Numbers:
    """1 for the grade asked, a little less for each step above; below it, where the gate is closed, 0; neutral where one is unstated."""
    steps = offers["grade"] - wants["grade"]
    by_steps = np.array(terms.quality_by_steps)
    stated = np.where(steps < 0, 0.0, by_steps[np.clip(steps, 0, len(by_steps) - 1)])
    return np.where(offers["is_graded"] & wants["is_graded"], stated, terms.unstated_quality)


def all_factors(offers: Table, wants: Table, terms: Terms, distance_km: Numbers) -> Numbers:
    """[N, 5], in the order of FACTORS."""
    columns = (
        compatibility(offers, wants),
        quantity(offers, wants, terms),
        distance(offers, distance_km),
        price(offers, wants, terms, distance_km),
        quality(offers, wants, terms),
    )
    return np.column_stack(columns)


def scores(factors: Numbers, terms: Terms) -> Numbers:
    """[N] from [N, 5]: the weighted geometric mean."""
    found: Numbers = np.prod(factors ** np.array(terms.ordered_weights), axis=1)
    return found
