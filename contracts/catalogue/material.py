"""A material: what can be offered and wanted, with its codes, figures and kinship.

Load-bearing: `Figure` keeps exact decimals inside, and is a JSON number at the edge, as api.md wants all figures of a Material.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from contracts.topics import STANDING_PARTITIONS

SpecialRegime = Literal["bien_priorizado", "hidrobiologico"]


def _number(figure: Decimal) -> int | float:
    return int(figure) if figure == figure.to_integral_value() else float(figure)


Number = Annotated[Decimal, PlainSerializer(_number, return_type=int | float, when_used="json")]
Figure = Annotated[Number, Field(gt=0)]
Text = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]
FamilyCode = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Partition = Annotated[int, Field(ge=0, lt=STANDING_PARTITIONS)]
MaterialCode = Annotated[str, Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")]


class Entry(BaseModel):
    """A part of the catalogue: immutable, and refused when it has a field that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Names(Entry):
    """What it is called in each language of the exchange."""

    es: Text
    en: Text


class Synonyms(Entry):
    """What else people say for it; a word belongs to one material only."""

    es: tuple[Text, ...] = ()
    en: tuple[Text, ...] = ()


class Facts(Entry):
    """What the law asks of an offer (matching.md, section 4; DL 1278 art. 9 as amended by Ley 32212)."""

    own_process_by_product: bool
    directly_usable: bool
    post_consumer: bool
    same_process: bool
    ancillary_activity: bool
    mixed_with_hazardous: bool


class Kin(Entry):
    """What a material may be offered for; directed, never chained (matching.md, section 2)."""

    code: MaterialCode
    weight: Annotated[float, Field(gt=0, lt=1)]


class ReferencePrice(Entry):
    """What a tonne fetches at its holder's gate, by order of magnitude; negative where the holder pays."""

    amount: Number
    currency: Literal["PEN"] = "PEN"
    per: Literal["t"] = "t"
    source: Text


class Material(Entry):
    """A node of the catalogue (api.md, Material).

    basel, ewc, hs: codes of the lists under `data/codes`. Figures: hours, kg/m3 of loose bulk, kg apiece, and the kilometres after which a
    lot is half as good. sources: where each code comes from.
    """

    code: MaterialCode
    family: Text
    names: Names
    synonyms: Synonyms
    basel: tuple[str, ...] = ()
    ewc: tuple[str, ...] = ()
    hs: tuple[str, ...] = ()
    hazardous: bool = False
    special_regime: SpecialRegime | None = None
    shelf_life_hours: Figure | None = None
    density_kg_m3: Figure | None = None
    unit_weight_kg: Figure | None = None
    half_distance_km: Figure
    usual_facts: Facts
    kin: tuple[Kin, ...] = ()
    reference_price: ReferencePrice | None = None
    sources: tuple[str, ...] = ()


class Family(Entry):
    """Materials that are traded and matched together. partition: where, on `ayni.standing`."""

    code: FamilyCode
    names: Names
    partition: Partition
