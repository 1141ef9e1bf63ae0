"""What the embedded exchange is told when it starts: by the command line, else by PORT, VAR, SAMPLE, CATALOGUE and DATABASE_URL, and
for mail by PUBLIC_URL, SMTP_URL and MAIL_FROM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Setting = TypeVar("Setting")
OrNothing = Annotated[Setting | None, BeforeValidator(lambda value: None if value == "" else value)]


class ExchangeSettings(BaseSettings):
    """port 0 is any free one. catalogue: a folder of materials in the place of the shipped one. database_url, of a role that may create
    roles, is used in place of our own server. public_url: how people reach this exchange, where that is not its port on this machine.
    Without smtp_url mails are written to a folder."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    port: int = Field(default=8080, ge=0, le=65535)
    var: Path = Path("var")
    sample: bool = True
    catalogue: OrNothing[Path] = None
    database_url: SecretStr | None = None
    public_url: OrNothing[str] = None
    smtp_url: OrNothing[SecretStr] = None
    mail_from: OrNothing[str] = None
