"""What the gateway is told when it starts."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """token_secret verifies what listings signed; internal_token vouches for the gateway to the parts. joins_per_minute: per address."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    token_secret: SecretStr
    internal_token: SecretStr
    joins_per_minute: int | None = 60
    deadline_seconds: float = Field(default=10, gt=0)
    keep_alive_seconds: float = Field(default=15, gt=0)
