"""What listings is told when it starts."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr

from kit.settings import PartSettings


class ListingsSettings(PartSettings):
    """token_secret signs the sessions' tokens; the gateway verifies with the same. stale_after_days: how long a listing may stand untouched
    until its holder is asked whether it is still there; answer_within_days: how long there is to answer before it lapses."""

    token_secret: SecretStr
    stale_after_days: float = Field(default=30, gt=0)
    answer_within_days: float = Field(default=14, gt=0)

    @property
    def stale_after(self) -> timedelta:
        return timedelta(days=self.stale_after_days)

    @property
    def answer_within(self) -> timedelta:
        return timedelta(days=self.answer_within_days)
