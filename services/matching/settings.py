"""What matching is told when it starts."""

from __future__ import annotations

from kit.settings import PartSettings


class MatchingSettings(PartSettings):
    """address is where other processes reach this one; rows of partition_owner carry it."""

    address: str = "local"
    waits_for_listing_seconds: float = 1
    waits_for_owner_seconds: float = 3
