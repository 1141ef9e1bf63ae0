"""What the embedded exchange is told when it starts: by the command line, else by PORT, VAR, SAMPLE, CATALOGUE and DATABASE_URL."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ExchangeSettings(BaseSettings):
    """port 0 is any free one. catalogue: a folder of materials in the place of the shipped one. database_url, of a role that may create
    roles, is used in place of our own server."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    port: int = Field(default=8080, ge=0, le=65535)
    var: Path = Path("var")
    sample: bool = True
    catalogue: Path | None = None
    database_url: SecretStr | None = None
