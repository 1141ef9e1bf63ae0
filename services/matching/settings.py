"""What matching is told when it starts."""

from __future__ import annotations

from pydantic import Field

from kit.settings import PartSettings


class MatchingSettings(PartSettings):
    """address: where other processes of matching reach this one; no two have the same, and rows of partition_owner carry it.

    waits_for_answer_seconds: how long another owner may take over a read before the asker looks again who owns it. doubts_owner_seconds:
    how long nobody may answer for a partition that the bus gave us before we take it anew; a bus tells a living member sooner than that
    that it was taken away."""

    address: str = "local"
    waits_for_listing_seconds: float = Field(default=1, gt=0)
    waits_for_owner_seconds: float = Field(default=3, gt=0)
    waits_for_answer_seconds: float = Field(default=1.5, gt=0)
    doubts_owner_seconds: float = Field(default=10, gt=0)
