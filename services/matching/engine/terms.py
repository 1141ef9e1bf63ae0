"""The constants of the score (matching.md, version 1): handed in, because a country's are data.

Load-bearing: the order of FACTORS is the order of every array of factors and weights in the engine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

FACTORS = ("material", "quantity", "distance", "price", "quality")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the formula is computed with.

    freight_per_tonne_km: money per tonne and road kilometre; weights: by the names of FACTORS, in [0, 1], summing to 1; room_share and
    least_room: b = max(room_share x |bid|, least_room), how far below the bid is plenty; quality_by_steps: for 0, 1, ... grades above
    the one asked. Raises ValueError where the weights are not such.
    """

    freight_per_tonne_km: float
    road_factor: float
    lorry_kmh: float
    handling_hours: float
    weights: Mapping[str, float]
    least_compatible: float = 0.2
    other_rhythm: float = 0.7
    minima_without_maximum: int = 5
    room_share: float = 0.2
    least_room: float = 20.0
    price_at_limit: float = 0.5
    quality_by_steps: tuple[float, ...] = (1.0, 0.95, 0.90, 0.85)
    unstated_quality: float = 0.60
    earth_radius_km: float = 6371.0088

    def __post_init__(self) -> None:
        is_complete = set(self.weights) == set(FACTORS) and all(0 <= weight <= 1 for weight in self.weights.values())
        if not is_complete or not math.isclose(sum(self.weights.values()), 1, rel_tol=0, abs_tol=1e-9):
            raise ValueError(f"the weights are those of {', '.join(FACTORS)}, and sum to 1: not {dict(self.weights)}")

    @property
    def ordered_weights(self) -> tuple[float, ...]:
        """[5], in the order of FACTORS."""
        return tuple(self.weights[name] for name in FACTORS)
