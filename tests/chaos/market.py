"""The market that the load makes: cells in which few meet, so that what must be told, and to whom, can be said beforehand.

A cell is a place and a material. Places lie so far apart, and no chosen material is kin to another, that only listings of one cell can
match; and a cell never sees more than five offers or five wants, so every pair of 0.5 or more must be told to both of its sides
(matching.md, section 5).
"""

from __future__ import annotations

import csv
import io
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EARTH_RADIUS_KM, ROAD, FREIGHT = 6371.0088, 1.4, 0.23
WEIGHTS = {"material": 0.40, "quantity": 0.10, "distance": 0.15, "price": 0.25, "quality": 0.10}
QUALITY = (1.0, 0.95, 0.90, 0.85)  # by steps above the grade asked
RADIUS_KM = 40
A_CELL_SEES = 5
PRICES = (100, 300, 500)
FACTS = {"own_process_by_product": "si", "directly_usable": "si"} | dict.fromkeys(
    ("post_consumer", "same_process", "ancillary_activity", "mixed_with_hazardous"), "no"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one listing, what its score rests on. kg: what is offered, or the maximum that is wanted; price: asked or bid, PEN a tonne."""

    external_id: str
    material: str
    kg: int
    price: int


def unrelated(materials: Sequence[Mapping[str, Any]]) -> list[str]:
    """Codes of which none is kin to another, that any firm may receive as a by-product, and that keep."""
    near: dict[str, set[str]] = {}
    for one in materials:
        for kin in one["kin"]:
            near.setdefault(one["code"], set()).add(kin["code"])
            near.setdefault(kin["code"], set()).add(one["code"])
    chosen: list[str] = []
    for one in materials:
        plain = not (one["special_regime"] or one["hazardous"] or one["shelf_life_hours"])
        if plain and not near.get(one["code"], set()) & set(chosen):
            chosen.append(one["code"])
    return chosen


def places(seed: int) -> Iterator[tuple[float, float]]:
    """Coordinates, at least 100 km from one to the next, in an order of the seed."""
    grid = [(-17.5 + row, -80.5 + column) for row in range(17) for column in range(11)]
    random.Random(seed).shuffle(grid)
    return iter(grid)


def offers_sheet(lines: Sequence[Terms]) -> bytes:
    """As the import takes them (api.md, CSV import)."""
    return _sheet(
        {
            "external_id": one.external_id,
            "material": one.material,
            "title": f"Lote {one.external_id}",
            "quantity_amount": str(one.kg),
            "quantity_unit": "kg",
            "price_amount": str(one.price),
            "price_per": "t",
            "grade": "B",
            "publish": "si",
        }
        | FACTS
        for one in lines
    )


def wants_sheet(lines: Sequence[Terms]) -> bytes:
    """As the import takes them."""
    return _sheet(
        {
            "external_id": one.external_id,
            "accepts": one.material,
            "title": f"Pedido {one.external_id}",
            "minimum_amount": "100",
            "minimum_unit": "kg",
            "maximum_amount": str(one.kg),
            "maximum_unit": "kg",
            "radius_km": str(RADIUS_KM),
            "max_price_amount": str(one.price),
            "max_price_per": "t",
            "min_grade": "B",
            "publish": "si",
        }
        for one in lines
    )


def _sheet(rows: Iterator[dict[str, str]]) -> bytes:
    found = list(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(found[0]))
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue().encode()


def distance_km(here: Mapping[str, float], there: Mapping[str, float]) -> float:
    """Haversine between two public places."""
    lat1, lon1, lat2, lon2 = (math.radians(place[axis]) for place in (here, there) for axis in ("latitude", "longitude"))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))


def score(offer: Mapping[str, Any], want: Mapping[str, Any], half_distance_km: float) -> float | None:
    """Of two standing listings of one cell, by matching.md, from what everybody sees of them; None where a gate is closed.

    Written for the listings of this market alone: one-off, divisible, in kilograms, with prices and grades, in no hurry."""
    kilometres = distance_km(offer["place"], want["place"])
    available = float(offer["available"]["amount"])
    highest = float(want["maximum"]["amount"]) - float(want["agreed"]["amount"])
    lowest = min(float(want["minimum"]["amount"]), highest)
    delivered, bid = float(offer["price"]["amount"]) + FREIGHT * ROAD * kilometres, float(want["max_price"]["amount"])
    if min(available, highest) <= 0 or available < lowest or kilometres > want["radius_km"] or delivered > bid:
        return None
    moved = min(available, highest)
    factors = {
        "material": 1.0,
        "quantity": min(1.0, moved / lowest) * math.sqrt(moved / max(available, highest)),
        "distance": 2 ** (-kilometres / half_distance_km),
        "price": 0.5 + 0.5 * min(1.0, (bid - delivered) / max(0.2 * abs(bid), 20)),
        "quality": QUALITY[ord(want["min_grade"]) - ord(offer["grade"])],
    }
    return math.prod(factors[name] ** weight for name, weight in WEIGHTS.items())
