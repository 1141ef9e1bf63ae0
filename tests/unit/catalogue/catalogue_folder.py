"""A folder to plant faults in: the shipped catalogue's own lists, and two small families."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts.catalogue import check_catalogue

HEAD = """
version = 1

[half_distance]
freight_per_tonne_km = 0.2
road_factor = 1.5
price_share = 0.15
least_km = 15
most_km = 1500

[[family]]
code = "textile"
names = { es = "Textiles", en = "Textiles" }

[[family]]
code = "fish"
names = { es = "Pesca", en = "Fish" }
"""
TEXTILE = """
[[material]]
code = "textile.offcuts"
names = { es = "Retazos de algodón", en = "Cotton offcuts" }
synonyms.es = ["recortes"]
basel = ["B3030"]
ewc = ["04 02 22"]
hs = ["6310.10"]
density_kg_m3 = 150
reference_price = { amount = 200, source = "own estimate" }
usual_facts = ["own_process_by_product"]
kin = { "fish.nets" = 0.5 }
"""
FISH = """
[[material]]
code = "fish.nets"
names = { es = "Redes", en = "Nets" }
ewc = ["02 01 04"]
reference_price = { amount = 100, source = "own estimate" }
"""


@dataclass(frozen=True)
class CatalogueFolder:
    """Written by a test, then checked."""

    path: Path

    def write(self, file: str, text: str) -> None:
        (self.path / file).write_text(text, encoding="utf-8")

    def change(self, file: str, old: str, new: str) -> None:
        """Plants something; fails where there is nothing to change."""
        text = (self.path / file).read_text(encoding="utf-8")
        assert old in text
        self.write(file, text.replace(old, new, 1))

    def faults(self) -> list[str]:
        return [str(fault) for fault in check_catalogue(self.path)]
