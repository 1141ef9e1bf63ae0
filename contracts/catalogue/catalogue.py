"""The catalogue in memory: what exists, what may stand in for what, and how to find it.

Load-bearing: `kinship`. It is the factor `material` of every score: directed, read from the offered material's own list, never chained.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from contracts.catalogue.material import Family, Material
from contracts.catalogue.words import forms_of, plain_word

LONGEST_GUESS = 100  # characters of a mistyped code that are compared: no code is nearly as long, and comparing is quadratic


@dataclass(frozen=True)
class Catalogue:
    """Materials by code, in the order of the files; families in the order of `catalogue.toml`."""

    version: int
    materials: Mapping[str, Material]
    families: tuple[Family, ...]

    def get(self, code: str) -> Material | None:
        """The material of that code."""
        return self.materials.get(code)

    def kinship(self, offered: str, accepted: str) -> float:
        """How well `offered` serves where `accepted` is asked for, in [0, 1] (matching.md, section 2)."""
        return 1.0 if offered == accepted else self._weights.get((offered, accepted), 0.0)

    def nearest(self, code: str, count: int = 3) -> list[str]:
        """The codes spelt most like a mistyped one, nearest first."""
        return difflib.get_close_matches(code[:LONGEST_GUESS].lower(), self.materials, n=count, cutoff=0.0)

    def search(self, text: str = "", family: str | None = None) -> list[Material]:
        """Materials of a family (None: any) of which all words of the text are said; what is called just that comes first.

        Accents, case and number do not count."""
        said = plain_word(text)
        words = [forms_of(word) for word in said.split()]
        found = [
            code
            for code, material in self.materials.items()
            if family in (None, material.family) and all(any(form in self._spoken[code] for form in forms) for forms in words)
        ]
        found.sort(key=lambda code: said not in self._spoken[code].splitlines())
        return [self.materials[code] for code in found]

    @cached_property
    def partitions(self) -> Mapping[str, int]:
        """By family, where it is matched."""
        return {family.code: family.partition for family in self.families}

    @cached_property
    def sources(self) -> Mapping[str, frozenset[str]]:
        """By code, the families of what may be offered for it: its own, and those of the materials that name it as kin."""
        found: dict[str, set[str]] = defaultdict(set)
        for code, material in self.materials.items():
            for wanted in (code, *(kin.code for kin in material.kin)):
                found[wanted].add(material.family)
        return {code: frozenset(families) for code, families in found.items()}

    @cached_property
    def _weights(self) -> Mapping[tuple[str, str], float]:
        return {(code, kin.code): kin.weight for code, material in self.materials.items() for kin in material.kin}

    @cached_property
    def _spoken(self) -> Mapping[str, str]:
        """By code, all that a material is called; a line each, so that no word is found across two names."""
        return {code: "\n".join(plain_word(word) for word in (code, *words_of(material))) for code, material in self.materials.items()}


def words_of(material: Material) -> tuple[str, ...]:
    """Names and synonyms in both languages."""
    names, synonyms = material.names, material.synonyms
    return (names.es, names.en, *synonyms.es, *synonyms.en)
