"""A country: tax id rule, places, freight, law, calendar. One folder of data and one small module each; nothing else names a country."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from contracts.countries.law import HeldLicence, Law, Receipt, Regime
from contracts.countries.place import Department, District, Place, distance_km, rounded

HERE = Path(__file__).parent
NEAR_BORDER_DEGREES = 0.15  # borders are simplified: a port may lie a little outside
FAR_FROM_CAPITAL_KM = 60


class UnknownCountryError(LookupError):
    """No folder of this country's is here."""


class CountryDataError(ValueError):
    """A country's folder lacks something, or says something that cannot be."""


@dataclass(frozen=True, slots=True)
class Country:
    """freight in the currency per tonne and road kilometre; road_factor: road kilometres per kilometre as the crow flies."""

    code: str
    currency: str
    timezone: timezone
    freight_per_tonne_km: Decimal
    road_factor: float
    lorry_kmh: float
    handling_hours: float
    disclaimer: Mapping[str, str]
    law: Law
    districts: Mapping[str, District]
    departments: tuple[Department, ...]
    activities: frozenset[str]
    tax_id_rule: Callable[[str], str]

    def normal_tax_id(self, text: str) -> str:
        """The tax id in its one form. Raises ValueError saying what to change."""
        return self.tax_id_rule(text)

    def is_activity(self, code: str) -> bool:
        """Whether this is a class of the national classification of activities."""
        return code in self.activities

    def is_place_code(self, code: str) -> bool:
        return code in self.districts

    def today(self, now: datetime) -> date:
        """The date in this country, by which licences and rules are valid or not."""
        return now.astimezone(self.timezone).date()

    def is_valid_on(self, valid_until: date | None, on: date) -> bool:
        """matching.md, section 4: a licence without an end is valid; one with an end, through that day."""
        return valid_until is None or valid_until >= on

    def place_of(self, latitude: float, longitude: float, place_code: str | None) -> Place:
        """What others see of a site: named by its place code, else by the border that it lies in."""
        at = {"latitude": rounded(latitude), "longitude": rounded(longitude)}
        if place_code is not None and (known := self.districts.get(place_code)) is not None:
            return Place(department=known.department, district=known.district, **at)
        return Place(department=self._department_at(latitude, longitude), district=None, **at)

    def is_inside(self, latitude: float, longitude: float) -> bool:
        return self._department_at(latitude, longitude) is not None

    def _department_at(self, latitude: float, longitude: float) -> str | None:
        for department in self.departments:
            if department.holds(latitude, longitude):
                return department.name
        nearest = min(self.departments, key=lambda one: one.distance_degrees(latitude, longitude))
        return nearest.name if nearest.distance_degrees(latitude, longitude) <= NEAR_BORDER_DEGREES else None

    def place_warnings(self, latitude: float, longitude: float, place_code: str | None) -> list[str]:
        """What looks wrong with a site and does not stop it."""
        if not self.is_inside(latitude, longitude):
            return [f"lies outside {self.code}: are latitude and longitude swapped, or a sign missing?"]
        known = self.districts.get(place_code or "")
        if known is None or known.latitude is None or known.longitude is None:
            return []
        away = distance_km(latitude, longitude, known.latitude, known.longitude)
        return [f"lies {away:.0f} km from {known.district}, which the place code names"] if away > FAR_FROM_CAPITAL_KM else []

    @property
    def regimes(self) -> tuple[str, ...]:
        return self.law.regimes

    def regime_of(self, facts: Any, *, special_regime: str | None, hazardous: bool, is_fresh: bool, on: date) -> Regime:
        """The first rule of the law that holds on that date."""
        return self.law.regime_of(facts, special_regime, hazardous, is_fresh, on)

    def receipt(self, regime: str, kind: str, licences: Iterable[HeldLicence]) -> Receipt:
        """Whether an organisation may receive offers of this regime; licences are those valid on the day."""
        return self.law.receipt(regime, kind, licences)

    def missing_paper(self, slug: str) -> Mapping[str, str]:
        """The sentence, in each language, that names what opens this gate."""
        return self.law.missing[slug]


def load_country(folder: Path, tax_id_rule: Callable[[str], str]) -> Country:
    """A country from its folder. Raises CountryDataError naming the file that is wrong."""
    try:
        facts = tomllib.loads((folder / "country.toml").read_text("utf-8"))
        law = Law.model_validate(tomllib.loads((folder / "regimes.toml").read_text("utf-8")))
        _check_law(law)
        return Country(
            code=facts["code"],
            currency=facts["currency"],
            timezone=timezone(timedelta(hours=facts["utc_offset_hours"])),
            freight_per_tonne_km=Decimal(facts["freight_per_tonne_km"]),
            road_factor=facts["road_factor"],
            lorry_kmh=facts["lorry_kmh"],
            handling_hours=facts["handling_hours"],
            disclaimer=facts["disclaimer"],
            law=law,
            districts=_districts(folder / "districts.csv"),
            departments=_departments(folder / "departments.json"),
            activities=frozenset(line for line in _lines(folder / "activities.txt")),
            tax_id_rule=tax_id_rule,
        )
    except (OSError, KeyError, ValueError) as error:
        raise CountryDataError(f"{folder.name}: {error}") from error


def _check_law(law: Law) -> None:
    unnamed = {rule.closed for rule in law.rule} - law.missing.keys()
    if unnamed:
        raise ValueError(f"regimes.toml: [missing] has no sentence for {sorted(unnamed)}")
    if law.rule[-1].facts or law.rule[-1].special_regime or law.rule[-1].hazardous is not None or law.rule[-1].fresh is not None:
        raise ValueError("regimes.toml: the last rule must hold for every offer")


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]


def _districts(file: Path) -> dict[str, District]:
    def degrees(text: str) -> float | None:
        return float(text) if text else None

    return {
        row["ubigeo_inei"]: District(
            row["ubigeo_inei"], row["department"], row["district"], degrees(row["latitude"]), degrees(row["longitude"])
        )
        for row in csv.DictReader(_lines(file))
    }


def _departments(file: Path) -> tuple[Department, ...]:
    found = json.loads(file.read_text("utf-8"))["departments"]
    return tuple(
        Department(one["code"], one["name"], tuple(tuple((lat, lon) for lat, lon in ring) for ring in one["rings"])) for one in found
    )


def known_countries() -> tuple[str, ...]:
    """The codes of the folders that are here."""
    return tuple(sorted(file.parent.name.upper() for file in HERE.glob("*/country.toml")))


DEFAULT = known_countries()[0]


@cache
def country(code: str = DEFAULT) -> Country:
    """A country by its ISO 3166-1 code. Raises UnknownCountryError naming those that are known."""
    if code not in known_countries():
        raise UnknownCountryError(f"no country {code[:20]!r} here; known: {', '.join(known_countries())}")
    module = import_module(f"contracts.countries.{code.lower()}")
    return load_country(HERE / code.lower(), module.normal_tax_id)
