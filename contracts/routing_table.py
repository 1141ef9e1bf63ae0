"""The table of partitions: on which partition of `ayni.standing` each family that we ship is matched (design.md, Routing).

Load-bearing: `routing.toml` only grows; a family that moved would be matched by two owners. A catalogue of an operator's own may hold
families that the table does not name; it states their partitions itself (`catalogue.toml`).
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from contracts.topics import STANDING_PARTITIONS

TABLE = Path(__file__).with_name("routing.toml")


@cache
def shipped_partitions() -> dict[str, int]:
    """The table. Raises ValueError where two families share a partition or one lies outside the topic."""
    table: dict[str, int] = tomllib.loads(TABLE.read_text())["partitions"]
    if len(set(table.values())) != len(table) or not all(0 <= number < STANDING_PARTITIONS for number in table.values()):
        raise ValueError(f"routing.toml: every bucket has a partition of its own, from 0 to {STANDING_PARTITIONS - 1}")
    return table
