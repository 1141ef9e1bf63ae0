"""What the gateway is told when it starts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, NonNegativeInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


class GatewaySettings(BaseSettings):
    """token_secret verifies what listings signed; internal_token vouches for the gateway to the parts.

    joins_per_minute: per address; empty or 0: no limit. deadline_seconds: until a part begins to answer; body_seconds: to send a body in;
    both for each MiB that a body of its media type may have. keep_alive_seconds: the longest silence of a live stream."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    token_secret: SecretStr
    internal_token: SecretStr
    joins_per_minute: Annotated[NonNegativeInt | None, BeforeValidator(_none_if_empty)] = 60
    deadline_seconds: float = Field(default=10, gt=0)
    body_seconds: float = Field(default=15, gt=0)
    keep_alive_seconds: float = Field(default=15, gt=0)
