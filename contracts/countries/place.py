"""Places: what others may know of a site. Load-bearing: `rounded`, which is all that keeps an exact address private."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

EARTH_RADIUS_KM = 6371.0088  # matching.md, Distance


class Place(BaseModel):
    """A site as others see it: coordinates rounded to 0.01 degrees; null names outside the country."""

    model_config = ConfigDict(frozen=True)

    department: str | None
    district: str | None
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class District:
    """A district by its public code. capital: (latitude, longitude) of its chief town, where they are known."""

    code: str
    department: str
    name: str
    capital: tuple[float, float] | None


def rounded(degrees: float) -> float:
    """To 0.01 degrees, about a kilometre, so that nobody is located more closely by asking around (matching.md, Distance)."""
    return float(round(Decimal(str(degrees)), 2)) + 0.0  # no negative zero


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Haversine on a sphere of radius EARTH_RADIUS_KM."""
    lat1, lon1, lat2, lon2 = map(math.radians, (latitude, longitude, other_latitude, other_longitude))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))
