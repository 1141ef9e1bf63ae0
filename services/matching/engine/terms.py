"""The constants of the score (matching.md, version 1): handed in, because a country's are data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

FACTORS = ("material", "quantity", "distance", "price", "quality")
EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class Terms:
    """freight in the currency per tonne and road kilometre; weights by factor, summing to 1. Raises ValueError where they do not."""

    freight_per_tonne_km: float
    road_factor: float
    lorry_kmh: float
    handling_hours: float
    weights: Mapping[str, float]
    least_compatible: float = 0.2
    other_rhythm: float = 0.7
    five_minima: int = 5
    price_share: float = 0.2
    price_floor: float = 20.0
    unstated_quality: float = 0.60
    step_down: float = 0.05

    def __post_init__(self) -> None:
        if set(self.weights) != set(FACTORS) or not math.isclose(sum(self.weights.values()), 1, abs_tol=1e-9):
            raise ValueError(f"weights must be those of {FACTORS} and sum to 1: {dict(self.weights)}")

    @property
    def ordered_weights(self) -> tuple[float, ...]:
        """In the order of FACTORS."""
        return tuple(self.weights[name] for name in FACTORS)
