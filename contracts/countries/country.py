"""A country: tax id rule, places, freight, law, calendar. One folder of data and one small module each; nothing else names a country."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

from contracts.countries.atlas import Atlas
from contracts.countries.law import Facts, HeldLicence, Law, Receipt, Regime
from contracts.countries.place import Place


@dataclass(frozen=True, slots=True)
class Country:
    """code: ISO 3166-1; currency: ISO 4217; freight in the currency per tonne and road kilometre; road_factor: road
    kilometres per kilometre as the crow flies; disclaimer by language."""

    code: str
    currency: str
    timezone: timezone
    freight_per_tonne_km: Decimal
    road_factor: float
    lorry_kmh: float
    handling_hours: float
    disclaimer: Mapping[str, str]
    law: Law
    atlas: Atlas
    activities: frozenset[str]
    tax_id_rule: Callable[[str], str]

    def normal_tax_id(self, text: str) -> str:
        """The tax id in its one form. Raises ValueError saying what to change."""
        return self.tax_id_rule(text)

    def is_activity(self, code: str) -> bool:
        """Whether this is a class of the national classification of activities."""
        return code in self.activities

    def today(self, now: datetime) -> date:
        """The date in this country, by which licences and rules are valid or not. Raises ValueError for a time without a zone."""
        if now.tzinfo is None:
            raise ValueError("a time without a zone has no date in a country")
        return now.astimezone(self.timezone).date()

    def end_of_day(self, day: date) -> datetime:
        """The midnight that ends a day in this country."""
        return datetime.combine(day + timedelta(days=1), time.min, self.timezone)

    def is_valid_on(self, valid_until: date | None, on: date) -> bool:
        """matching.md, section 4: a licence without an end is valid; one with an end, through that day."""
        return valid_until is None or valid_until >= on

    def is_place_code(self, code: str) -> bool:
        """Whether a district has this code."""
        return code in self.atlas.districts

    def is_inside(self, latitude: float, longitude: float) -> bool:
        """Whether a point lies in the country, or close enough that the simplified border may be wrong."""
        return self.atlas.department_at(latitude, longitude) is not None

    def place_of(self, latitude: float, longitude: float, place_code: str | None) -> Place:
        """What others see of a site: named by its place code, else by the border that it lies in."""
        return self.atlas.place_of(latitude, longitude, place_code)

    def place_warnings(self, latitude: float, longitude: float, place_code: str | None) -> list[str]:
        """What looks wrong with a site and does not stop it, a sentence each."""
        if not self.is_inside(latitude, longitude):
            return [f"lies outside {self.code}: are latitude and longitude swapped, or is a sign missing?"]
        if place_code is None or (far := self.atlas.far_from(latitude, longitude, place_code)) is None:
            return []
        return [f"lies {far.away_km:.0f} km from {far.name}, which the place code {place_code} names"]

    @property
    def regimes(self) -> tuple[str, ...]:
        """Every regime once, in the order of the rules; an index in it is a bit number of the matching engine."""
        return self.law.regimes

    def regime_of(self, facts: Facts, *, special_regime: str | None, hazardous: bool, is_fresh: bool, on: date) -> Regime:
        """The first rule of the law that holds on that date. Raises LookupError for a date before the law."""
        return self.law.regime_of(facts, special_regime, hazardous, is_fresh, on)

    def receipt(self, regime: str, kind: str, licences: Iterable[HeldLicence]) -> Receipt:
        """Whether an organisation may receive offers of this regime; licences are those valid on the day."""
        return self.law.receipt(regime, kind, licences)

    def missing_paper(self, slug: str) -> Mapping[str, str]:
        """The sentence, by language, that names what opens this gate and who gives it. Raises KeyError for no such gate."""
        return self.law.missing[slug]
