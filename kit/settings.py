"""What every deployable is told when it starts: one class a deployable, read once, from the environment or a secrets folder.

Secrets have no default: a part that was given none refuses to start.
"""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class PartSettings(BaseSettings):
    """Common to the parts that own a schema. `internal_token` proves to a part that a call came from one of us."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    database_url: SecretStr
    internal_token: SecretStr
    pool_size: int = Field(default=10, ge=1)
    statement_timeout_seconds: float = Field(default=10, gt=0)
    pool_wait_seconds: float = Field(default=2, gt=0)
