"""The one place that says where the events of a listing go on `ayni.standing` (design.md, Routing).

A bucket is a material family, and is matched on its family's partition. Load-bearing: `buckets_of_want` names every bucket that an offer
for the want could come from; a bucket left out is a match that nobody makes (invariant 4).
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.catalogue import Catalogue


def partition_of(bucket: str, catalogue: Catalogue) -> int:
    """The partition on which a bucket is matched."""
    return catalogue.partitions[bucket]


def bucket_of_offer(material: str, catalogue: Catalogue) -> str:
    """An offer is matched in its material's family."""
    return catalogue.materials[material].family


def buckets_of_want(accepted: Iterable[str], catalogue: Catalogue) -> set[str]:
    """Every bucket that an offer for this want could come from: of what it accepts, and of what may be offered for it."""
    return {family for code in accepted for family in catalogue.sources.get(code, ())}
