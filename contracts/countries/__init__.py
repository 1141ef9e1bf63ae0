"""Countries: every rule that depends on one, as data (design.md, Countries)."""

from contracts.countries.country import DEFAULT, Country, CountryDataError, UnknownCountryError, country, known_countries, load_country
from contracts.countries.law import Receipt, Regime
from contracts.countries.place import Place, distance_km

__all__ = [
    "DEFAULT",
    "Country",
    "CountryDataError",
    "Place",
    "Receipt",
    "Regime",
    "UnknownCountryError",
    "country",
    "distance_km",
    "known_countries",
    "load_country",
]
