"""What notifications is told when it starts."""

from __future__ import annotations

from pydantic import Field

from kit.settings import PartSettings


class NotificationsSettings(PartSettings):
    """feed_days: how long an event stays in the feed (api.md: 30 days)."""

    feed_days: float = Field(default=30, gt=0)
    prune_seconds: float = Field(default=3600, gt=0)
    poll_seconds: float = Field(default=1, gt=0)
