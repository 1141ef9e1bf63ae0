"""A material: what can be offered and wanted, with its codes, figures and kinship."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer


def _number(figure: Decimal) -> int | float:
    return int(figure) if figure == figure.to_integral_value() else float(figure)


Figure = Annotated[Decimal, Field(gt=0), PlainSerializer(_number, return_type=float | int, when_used="json")]
Code = Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$")]


class Entry(BaseModel):
    """A part of the catalogue: immutable, and refused when it has a field that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Names(Entry):
    es: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)]


class Synonyms(Entry):
    """As people say it."""

    es: tuple[str, ...] = ()
    en: tuple[str, ...] = ()


class Facts(Entry):
    """What the law asks of an offer (matching.md, section 4)."""

    own_process_by_product: bool
    directly_usable: bool
    post_consumer: bool
    same_process: bool
    ancillary_activity: bool
    mixed_with_hazardous: bool


class Kin(Entry):
    """What a material may be offered for; directed, never chained."""

    code: Code
    weight: Annotated[float, Field(gt=0, lt=1)]


class ReferencePrice(Entry):
    """What a tonne costs, by order of magnitude."""

    amount: Decimal
    currency: Literal["PEN"] = "PEN"
    per: Literal["t"] = "t"
    source: str


class Material(Entry):
    """api.md's Material. Figures are JSON numbers at the edge; half_distance_km: where a lot is half as good."""

    code: Code
    family: str
    names: Names
    synonyms: Synonyms
    basel: tuple[str, ...] = ()
    ewc: tuple[str, ...] = ()
    hs: tuple[str, ...] = ()
    hazardous: bool = False
    special_regime: Literal["bien_priorizado", "hidrobiologico"] | None = None
    shelf_life_hours: Figure | None = None
    density_kg_m3: Figure | None = None
    unit_weight_kg: Figure | None = None
    half_distance_km: Figure
    usual_facts: Facts
    kin: tuple[Kin, ...] = ()
    reference_price: ReferencePrice | None = None
    sources: tuple[str, ...] = ()
