"""What every deployable is told when it starts: one class a deployable, read once, from the environment or a secrets folder.

Secrets have no default: a part that was given none refuses to start.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class PartSettings(BaseSettings):
    """Common to the parts that own a schema. `internal_token` proves to a part that a call came from one of us.

    database_password: where it is given, `database_url` needs none."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    database_url: SecretStr
    database_password: SecretStr | None = None
    internal_token: SecretStr
    pool_size: int = Field(default=10, ge=1)
    statement_timeout_seconds: float = Field(default=10, gt=0)
    pool_wait_seconds: float = Field(default=2, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """What may be kept in a file of its own, the password, in its place."""
        if isinstance(given, dict) and given.get("database_url") and given.get("database_password"):
            return given | {"database_url": with_password(plain(given["database_url"]), plain(given["database_password"]))}
        return given


def plain(secret: str | SecretStr) -> str:
    """What is hidden in it."""
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def with_password(url: str, password: str) -> str:
    """The same server, as the same role, with this password."""
    found = urlsplit(url)
    role, server = (found.username or "", found.netloc.rpartition("@")[2])
    return urlunsplit(found._replace(netloc=f"{role}:{quote(password, safe='')}@{server}"))
