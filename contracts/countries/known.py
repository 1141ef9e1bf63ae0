"""Which countries are here. Load-bearing: a folder with a country.toml is a country; no other list of them exists."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from contracts.countries.country import Country
from contracts.countries.folder import load_country

HERE = Path(__file__).parent


class UnknownCountryError(LookupError):
    """No folder of this country's is here."""


@cache
def known_countries() -> tuple[str, ...]:
    """The ISO 3166-1 codes of the folders that are here, in alphabetical order."""
    return tuple(sorted(file.parent.name.upper() for file in HERE.glob("*/country.toml")))


DEFAULT = known_countries()[0]


def country(code: str = DEFAULT) -> Country:
    """A country by its ISO 3166-1 code, read once. Raises UnknownCountryError naming those that are known."""
    if code not in known_countries():
        raise UnknownCountryError(f"no country {code[:20]!r} here; known: {', '.join(known_countries())}")
    return _read_once(code)


@cache
def _read_once(code: str) -> Country:
    return load_country(HERE / code.lower())
