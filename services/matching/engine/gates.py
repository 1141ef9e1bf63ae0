"""Is a pair possible at all? The gates of matching.md, section 1, for one listing against many of the other side.

Each gate is a function to [N] claims, open or not. No gate looks at the clock. Load-bearing: decimals are compared as decimals
(`at_most`); the price, where nothing is driven, too.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from services.matching.engine.columns import Table
from services.matching.engine.exact import MICROSECONDS_PER_HOUR, Claims, Numbers, at_most
from services.matching.engine.terms import Terms

StandingGate = Callable[[Table, Table, Terms], Claims]
RoadGate = Callable[[Table, Table, Terms, Numbers], Claims]
LAW = "law"


def compatibility(offers: Table, wants: Table) -> Numbers:
    """Of each pair, in [0, 1]: the want's compatibility with the offered material."""
    found: Numbers = wants.columns["compatibility"][offers["material"], wants.slots]
    return found


def delivered(offers: Table, terms: Terms, distance_km: Numbers) -> Numbers:
    """L: what a tonne costs at the want's site, where the offer states a price."""
    return offers["price"] + terms.freight_per_tonne_km * terms.road_factor * distance_km


def is_material_compatible(offers: Table, wants: Table, terms: Terms) -> Claims:
    return compatibility(offers, wants) >= terms.least_compatible


def are_parties_different(offers: Table, wants: Table, terms: Terms) -> Claims:
    found: Claims = (offers["party_low"] != wants["party_low"]) | (offers["party_high"] != wants["party_high"])
    return found


def is_something_left(offers: Table, wants: Table, terms: Terms) -> Claims:
    """Of the offer, and of what is wanted; that both are published is what standing here means."""
    return (offers["quantity"] > 0) & (wants["high"] > 0)


def is_quantity_enough(offers: Table, wants: Table, terms: Terms) -> Claims:
    return wants["accepts_partial"] | at_most(wants["low"], wants["low_rest"], offers["quantity"], offers["quantity_rest"])


def is_lot_right(offers: Table, wants: Table, terms: Terms) -> Claims:
    """A divisible offer's least lot is there and wanted; an indivisible one is wanted whole."""
    quantity, lot, high = (
        (offers["quantity"], offers["quantity_rest"]),
        (offers["lot"], offers["lot_rest"]),
        (wants["high"], wants["high_rest"]),
    )
    return np.where(offers["is_divisible"], at_most(*lot, *quantity) & at_most(*lot, *high), at_most(*quantity, *high))


def is_grade_enough(offers: Table, wants: Table, terms: Terms) -> Claims:
    found: Claims = ~offers["is_graded"] | ~wants["is_graded"] | (offers["grade"] >= wants["grade"])
    return found


def do_windows_overlap(offers: Table, wants: Table, terms: Terms) -> Claims:
    """Ends count."""
    return (offers["begin"] <= wants["end"]) & (wants["begin"] <= offers["end"])


def is_near_enough(offers: Table, wants: Table, terms: Terms, distance_km: Numbers) -> Claims:
    return distance_km <= wants["radius_km"]


def is_price_met(offers: Table, wants: Table, terms: Terms, distance_km: Numbers) -> Claims:
    asked = at_most(offers["price"], offers["price_rest"], wants["price"], wants["price_rest"])
    is_met = np.where(distance_km == 0, asked, delivered(offers, terms, distance_km) <= wants["price"])
    found: Claims = ~offers["is_priced"] | ~wants["is_priced"] | is_met
    return found


def does_arrive_fresh(offers: Table, wants: Table, terms: Terms, distance_km: Numbers) -> Claims:
    """The road takes no longer than what is left of its life when it can start, less the handling."""
    road_hours = terms.road_factor * distance_km / terms.lorry_kmh
    start = np.maximum(np.maximum(offers["begin"], wants["begin"]), np.maximum(offers["published"], wants["published"]))
    lot_hours = (offers["fresh_until"] - start) / MICROSECONDS_PER_HOUR
    found: Claims = road_hours <= np.minimum(lot_hours, offers["fresh_hours"]) - terms.handling_hours
    return found


def does_law_admit(offers: Table, wants: Table) -> Claims:
    """Section 4, as bits: the want's holder may receive what is under the offer's regime."""
    found: Claims = (wants["admits"] & offers["regime_bit"]) != 0
    return found


# In the order in which they are tried: the one that closes most comes first.
STANDING_GATES: MappingProxyType[str, StandingGate] = MappingProxyType(
    {
        "material": is_material_compatible,
        "grade": is_grade_enough,
        "lot": is_lot_right,
        "quantity": is_quantity_enough,
        "time": do_windows_overlap,
        "not_open": is_something_left,
        "same_organisation": are_parties_different,
    }
)
ROAD_GATES: MappingProxyType[str, RoadGate] = MappingProxyType(
    {"distance": is_near_enough, "price": is_price_met, "freshness": does_arrive_fresh}
)
# In the order of matching.md.
SLUGS = ("same_organisation", "not_open", "material", "quantity", "lot", "distance", "price", "grade", "time", "freshness", LAW)
