"""What a person writes for a material in `data/materials/<family>.toml`, and the Material that it makes.

Load-bearing: what follows from something else is not written down: the half distance from the price, the sources from the code lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from contracts.catalogue.codes import KINDS, CodeBook, CodeKind
from contracts.catalogue.freight import HalfDistanceRule
from contracts.catalogue.material import (
    Entry,
    Facts,
    Family,
    FamilyCode,
    Figure,
    Kin,
    Material,
    MaterialCode,
    Names,
    Partition,
    ReferencePrice,
    SpecialRegime,
    Synonyms,
    Text,
)
from contracts.routing_table import shipped_partitions

Fact = Literal["own_process_by_product", "directly_usable", "post_consumer", "same_process", "ancillary_activity", "mixed_with_hazardous"]
Weight = Annotated[float, Field(gt=0, lt=1)]


class WrittenPrice(Entry):
    """Soles per tonne at the holder's gate."""

    amount: Decimal
    source: Text


class WrittenMaterial(Entry):
    """One `[[material]]`. usual_facts names those that most holders would state as true; kin maps codes to weights."""

    code: MaterialCode
    names: Names
    synonyms: Synonyms = Synonyms()
    basel: tuple[str, ...] = ()
    ewc: tuple[str, ...] = ()
    hs: tuple[str, ...] = ()
    hazardous: bool = False
    special_regime: SpecialRegime | None = None
    shelf_life_hours: Figure | None = None
    density_kg_m3: Figure | None = None
    unit_weight_kg: Figure | None = None
    reference_price: WrittenPrice | None = None
    half_distance_km: Figure | None = None
    half_distance_reason: Text | None = None
    usual_facts: tuple[Fact, ...] = ()
    kin: Mapping[MaterialCode, Weight] = Field(default_factory=dict)
    sources: tuple[Text, ...] = ()

    def cited(self) -> Mapping[CodeKind, tuple[str, ...]]:
        """The codes, by the list that they should stand in."""
        return {"basel": self.basel, "ewc": self.ewc, "hs": self.hs}

    def made(self, family: str, book: CodeBook, rule: HalfDistanceRule) -> Material:
        """The material, with what follows from the price and the code lists."""
        price = self.reference_price
        return Material(
            family=family,
            usual_facts=Facts(**{name: name in self.usual_facts for name in Facts.model_fields}),
            kin=tuple(Kin(code=code, weight=weight) for code, weight in self.kin.items()),
            half_distance_km=self.half_distance(rule),
            reference_price=price and ReferencePrice(amount=price.amount, source=price.source),
            sources=(*self._code_sources(book), *self.sources),
            **{name: getattr(self, name) for name in TAKEN_OVER},
        )

    def half_distance(self, rule: HalfDistanceRule) -> Decimal:
        """As written, else by the rule; the least where nothing is known of its worth."""
        if self.half_distance_km is not None:
            return self.half_distance_km
        return rule.half_distance_km(self.reference_price.amount if self.reference_price else Decimal(0))

    def _code_sources(self, book: CodeBook) -> list[str]:
        found = [book.source(kind, code) for kind in KINDS for code in self.cited()[kind]]
        return [source for source in found if source]


TAKEN_OVER = tuple(
    name
    for name in WrittenMaterial.model_fields
    if name in Material.model_fields and name not in ("usual_facts", "kin", "half_distance_km", "reference_price", "sources")
)
"""The fields that are written as they are served."""


class WrittenMaterials(Entry):
    """One file: the materials of a family."""

    material: Annotated[tuple[WrittenMaterial, ...], Field(min_length=1)]


class WrittenFamily(Entry):
    """One `[[family]]` of `catalogue.toml`. partition: for a family that the table of partitions does not name."""

    code: FamilyCode
    names: Names
    partition: Partition | None = None

    def made(self) -> Family:
        """The family, once it has a partition."""
        assert self.matched_on is not None
        return Family(code=self.code, names=self.names, partition=self.matched_on)

    @property
    def matched_on(self) -> int | None:
        """As stated, else by the table; None where neither says."""
        return shipped_partitions().get(self.code) if self.partition is None else self.partition
