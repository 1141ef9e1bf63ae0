"""From degrees to the picture's units: a piece of the earth that stands somewhere on the sheet.

Load-bearing: `Frame.at` rounds, so that the same data give the same text on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """north, west, south, east in degrees; left, top: where its corner stands; scale: units for a degree of latitude.

    Longitudes are narrowed as at the middle of the frame (equirectangular): right enough for one country."""

    north: float
    west: float
    south: float
    east: float
    left: float
    top: float
    scale: float

    @property
    def narrowing(self) -> float:
        return math.cos(math.radians((self.north + self.south) / 2))

    @property
    def width(self) -> float:
        return round((self.east - self.west) * self.scale * self.narrowing, 1)

    @property
    def height(self) -> float:
        return round((self.north - self.south) * self.scale, 1)

    def at(self, latitude: float, longitude: float) -> Point:
        x = self.left + (longitude - self.west) * self.scale * self.narrowing
        return round(x, 1), round(self.top + (self.north - latitude) * self.scale, 1)

    def holds(self, latitude: float, longitude: float) -> bool:
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east
