"""A department and its border: does a point lie in it, and how far is it? Load-bearing: the box is looked at before the border."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

KM_PER_DEGREE = 111.195  # a degree of a great circle of EARTH_RADIUS_KM
Point = tuple[float, float]
Ring = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Department:
    """rings: closed borders of (latitude, longitude) points, the last point equal to the first, none a hole in another.
    box: south, west, north, east, in degrees."""

    name: str
    rings: tuple[Ring, ...]
    box: tuple[float, float, float, float]

    @classmethod
    def within(cls, name: str, borders: Sequence[Sequence[Sequence[float]]]) -> Department:
        """A department of these borders. Raises ValueError where one has fewer than three corners."""
        if not borders or any(len(border) < 3 for border in borders):
            raise ValueError(f"{name}: a border has three corners or more")
        rings = tuple(tuple((lat, lon) for lat, lon in (*border, border[0])) for border in borders)
        latitudes, longitudes = zip(*(point for ring in rings for point in ring), strict=True)
        return cls(name, rings, (min(latitudes), min(longitudes), max(latitudes), max(longitudes)))

    def holds(self, latitude: float, longitude: float) -> bool:
        return self._is_in_box(latitude, longitude, 0) and any(_is_inside(ring, latitude, longitude) for ring in self.rings)

    def is_within(self, km: float, latitude: float, longitude: float) -> bool:
        """Whether its border is at most this far; cheap for what is far away."""
        return self._is_in_box(latitude, longitude, km) and self.distance_km(latitude, longitude) <= km

    def distance_km(self, latitude: float, longitude: float) -> float:
        """To the nearest point of its border, on a plane that touches the earth at the point: right for what is near."""
        return min(_distance_km(start, end, latitude, longitude) for ring in self.rings for start, end in pairwise(ring))

    def _is_in_box(self, latitude: float, longitude: float, margin_km: float) -> bool:
        south, west, north, east = self.box
        tall = margin_km / KM_PER_DEGREE
        wide = tall / _narrowing(latitude)
        return south - tall <= latitude <= north + tall and west - wide <= longitude <= east + wide


def _narrowing(latitude: float) -> float:
    """How much shorter a degree of longitude is here than at the equator; never 0, so that a pole divides nothing by it."""
    return max(math.cos(math.radians(latitude)), 1e-6)


def _is_inside(ring: Ring, latitude: float, longitude: float) -> bool:
    """Ray casting: how often a line to the east crosses the border."""
    is_inside = False
    for (lat1, lon1), (lat2, lon2) in pairwise(ring):
        if (lat1 > latitude) != (lat2 > latitude) and longitude < lon1 + (latitude - lat1) / (lat2 - lat1) * (lon2 - lon1):
            is_inside = not is_inside
    return is_inside


def _distance_km(start: Point, end: Point, latitude: float, longitude: float) -> float:
    """From a point to a piece of a border."""
    wide = _narrowing(latitude)
    north, east = start[0] - latitude, (start[1] - longitude) * wide
    along_north, along_east = end[0] - start[0], (end[1] - start[1]) * wide
    length = along_north**2 + along_east**2
    share = 0.0 if length == 0 else min(1.0, max(0.0, -(north * along_north + east * along_east) / length))
    return KM_PER_DEGREE * math.hypot(north + share * along_north, east + share * along_east)
