"""What the rules of listings rest on: the catalogue, and the country of each organisation."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.catalogue import Catalogue, Material
from contracts.countries import Country, country
from kit.problems import FieldError


@dataclass(frozen=True, slots=True)
class Rules:
    """Loaded once, handed to every use case."""

    catalogue: Catalogue

    def material(self, code: str) -> Material:
        """A material that a stored listing names: it was checked when it was written."""
        return self.catalogue.materials[code]

    def unknown_material(self, field: str, code: str) -> FieldError:
        """Names the three nearest codes, because most wrong codes are nearly right."""
        near = ", ".join(self.catalogue.nearest(code, 3))
        return FieldError(field, f"no material has the code {code[:80]!r}; the nearest are: {near}")

    def country(self, code: str) -> Country:
        return country(code)
