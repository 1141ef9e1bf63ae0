"""Countries: every rule that depends on one, as data (design.md, Countries)."""

from contracts.countries.country import Country
from contracts.countries.folder import CountryDataError, load_country
from contracts.countries.known import DEFAULT, UnknownCountryError, country, known_countries
from contracts.countries.law import Facts, HeldLicence, Receipt, Regime
from contracts.countries.place import EARTH_RADIUS_KM, Place, distance_km

__all__ = [
    "DEFAULT",
    "EARTH_RADIUS_KM",
    "Country",
    "CountryDataError",
    "Facts",
    "HeldLicence",
    "Place",
    "Receipt",
    "Regime",
    "UnknownCountryError",
    "country",
    "distance_km",
    "known_countries",
    "load_country",
]
