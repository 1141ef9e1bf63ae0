"""The catalogue of materials: what can be offered and wanted, as data that a person who knows the trade can read and correct."""

from __future__ import annotations

from contracts.catalogue.catalogue import Catalogue
from contracts.catalogue.check import Fault
from contracts.catalogue.codes import CodeBook
from contracts.catalogue.loader import SHIPPED, CatalogueError, check_catalogue, load_catalogue
from contracts.catalogue.material import Facts, Family, Kin, Material, Names, ReferencePrice, Synonyms

__all__ = [
    "SHIPPED",
    "Catalogue",
    "CatalogueError",
    "CodeBook",
    "Facts",
    "Family",
    "Fault",
    "Kin",
    "Material",
    "Names",
    "ReferencePrice",
    "Synonyms",
    "check_catalogue",
    "load_catalogue",
]
