"""An atlas: which department a point lies in, and whether a place code fits it. Borders are simplified, so towns go first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from contracts.countries.department import KM_PER_DEGREE, Department
from contracts.countries.place import District, Place, distance_km, rounded

TOWN_KM = 3  # this near a district's capital its department is known better than from a border simplified by kilometres
BORDER_KM = 5  # a port may lie this far outside a simplified coast
FAR_FROM_CAPITAL_KM = 60  # most districts are smaller; in the Amazon some are not, and this is only a warning
FAR_FROM_DEPARTMENT_KM = 20
REMEMBERED_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class Far:
    """What a place code names, and how far from a site it is."""

    name: str
    away_km: float


@dataclass(frozen=True)
class Atlas:
    """districts: by their public code; departments: by their name."""

    districts: Mapping[str, District]
    departments: Mapping[str, Department]

    def place_of(self, latitude: float, longitude: float, place_code: str | None) -> Place:
        """The names of a known place code, else of the department that the point lies in. The rounded point alone decides
        the latter: a name from the exact one would say on which side of a border it lies, and so locate it more closely."""
        at = {"latitude": rounded(latitude), "longitude": rounded(longitude)}
        if place_code is not None and (known := self.districts.get(place_code)) is not None:
            return Place(department=known.department, district=known.name, **at)
        return Place(department=self._cached_department_at(**at), district=None, **at)

    @cached_property
    def _cached_department_at(self) -> Callable[..., str | None]:
        """Every listing of a site asks for the same point again."""
        return lru_cache(REMEMBERED_POINTS)(self.department_at)

    def department_at(self, latitude: float, longitude: float) -> str | None:
        """That of the town that the point is at, else that whose border holds it, else the nearest within BORDER_KM."""
        if (town := self._town_at(latitude, longitude)) is not None:
            return town.department
        for department in self.departments.values():
            if department.holds(latitude, longitude):
                return department.name
        near = [one for one in self.departments.values() if one.is_within(BORDER_KM, latitude, longitude)]
        return min(near, key=lambda one: one.distance_km(latitude, longitude)).name if near else None

    def far_from(self, latitude: float, longitude: float, place_code: str) -> Far | None:
        """The district of a place code, or its department where the capital is not known, if the point is too far from it."""
        district = self.districts.get(place_code)
        if district is None:
            return None
        if district.capital is not None:
            away_km = distance_km(latitude, longitude, *district.capital)
            return Far(district.name, away_km) if away_km > FAR_FROM_CAPITAL_KM else None
        department = self.departments[district.department]
        if department.holds(latitude, longitude) or department.is_within(FAR_FROM_DEPARTMENT_KM, latitude, longitude):
            return None
        return Far(department.name, department.distance_km(latitude, longitude))

    def _town_at(self, latitude: float, longitude: float) -> District | None:
        """The nearest capital within TOWN_KM; latitudes are compared first, which spares nearly every distance."""
        near = [
            (distance_km(latitude, longitude, *one.capital), one.code)
            for one in self.districts.values()
            if one.capital is not None and abs(one.capital[0] - latitude) * KM_PER_DEGREE <= TOWN_KM
        ]
        away_km, code = min(near, default=(TOWN_KM + 1.0, ""))
        return self.districts[code] if away_km <= TOWN_KM else None
