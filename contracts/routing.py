"""The one place that says which partition of `ayni.standing` a listing's events go to (design.md, Routing).

A bucket is a material family. Load-bearing: `routing.toml` only grows; a family that moved would be matched by two owners.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from contracts.catalogue import Catalogue
from contracts.topics import STANDING_PARTITIONS

TABLE = Path(__file__).with_name("routing.toml")


class UnroutedBucketError(LookupError):
    """A family that the table does not name yet: append it to routing.toml."""


@cache
def partitions_by_bucket() -> dict[str, int]:
    """The table. Raises ValueError where two buckets share a partition or one lies outside the topic."""
    table: dict[str, int] = tomllib.loads(TABLE.read_text())["partitions"]
    if len(set(table.values())) != len(table) or not all(0 <= number < STANDING_PARTITIONS for number in table.values()):
        raise ValueError(f"routing.toml: every bucket has a partition of its own, from 0 to {STANDING_PARTITIONS - 1}")
    return table


def partition_of(bucket: str) -> int:
    """The partition on which a bucket is matched."""
    try:
        return partitions_by_bucket()[bucket]
    except KeyError:
        raise UnroutedBucketError(f"family {bucket!r} has no partition: append it to contracts/routing.toml") from None


def bucket_of_offer(material: str, catalogue: Catalogue) -> str:
    """An offer is matched in its material's family."""
    return catalogue.materials[material].family


def buckets_of_want(accepted: Iterable[str], catalogue: Catalogue) -> set[str]:
    """Every bucket that an offer for this want could come from: of what it accepts, and of what may be offered for it."""
    wanted = set(accepted)
    return {
        material.family
        for code, material in catalogue.materials.items()
        if code in wanted or any(kin.code in wanted for kin in material.kin)
    }
