"""Places: what others may know of a site, and the borders that name it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

EARTH_RADIUS_KM = 6371.0088
Ring = Sequence[tuple[float, float]]


class Place(BaseModel):
    """A site as others see it: coordinates rounded to 0.01 degrees; null names outside the country."""

    model_config = ConfigDict(frozen=True)

    department: str | None
    district: str | None
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class District:
    """A district by its public code. Coordinates are those of its capital, where they are known."""

    code: str
    department: str
    district: str
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True, slots=True)
class Department:
    """rings: closed borders of (latitude, longitude), simplified."""

    code: str
    name: str
    rings: tuple[Ring, ...]

    def holds(self, latitude: float, longitude: float) -> bool:
        return any(_is_inside(ring, latitude, longitude) for ring in self.rings)

    def distance_degrees(self, latitude: float, longitude: float) -> float:
        """To the nearest corner of its border."""
        return min(math.hypot(lat - latitude, lon - longitude) for ring in self.rings for lat, lon in ring)


def _is_inside(ring: Ring, latitude: float, longitude: float) -> bool:
    """Ray casting: how often a line to the east crosses the border."""
    is_inside = False
    for (lat1, lon1), (lat2, lon2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (lat1 > latitude) != (lat2 > latitude) and longitude < lon1 + (latitude - lat1) / (lat2 - lat1) * (lon2 - lon1):
            is_inside = not is_inside
    return is_inside


def rounded(degrees: float) -> float:
    """To 0.01 degrees, about a kilometre, so that nobody is located more closely by asking around (matching.md, Distance)."""
    return float(round(Decimal(str(degrees)), 2)) + 0.0


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Haversine on a sphere of radius 6371.0088 km."""
    lat1, lon1, lat2, lon2 = map(math.radians, (latitude, longitude, other_latitude, other_longitude))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))
