"""What a process of the distributed system is told beside what its part is told: by the environment, or by files in a secrets folder.

One prefix, `AYNI_`, one name a setting: the environment variable and the file are called the same (`ayni_token_secret` for
AYNI_TOKEN_SECRET). Load-bearing: `told`. It is the only way in, so nothing runs with a secret that everybody knows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from infra.distributed.secrets import check_secrets
from kit.settings import plain, with_password

Told = TypeVar("Told", bound=BaseSettings)


def _split(value: object) -> object:
    return tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value


def _checked(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if not addresses or not all(one.startswith(("http://", "https://")) for one in addresses):
        raise ValueError("must be one address or several, separated by commas, such as http://listings:8000")
    return addresses


Addresses = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_checked)]


class SecretsSettings(BaseSettings):
    """secrets_dir: a folder with a file a secret."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    secrets_dir: Path | None = None


class DoorSettings(BaseSettings):
    """Where the process listens. trusted_proxies: whose word on the caller's address and scheme is taken; empty: nobody's.

    notice_seconds: how long a process that was asked to stop goes on taking calls while it says that it is not ready; it must be more
    than callers keep idle connections. finish_seconds: what calls in hand then have to come to their end."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    trusted_proxies: str = ""
    notice_seconds: float = Field(default=1.2, ge=0, le=2)
    finish_seconds: float = Field(default=4, ge=0, le=4)


class BusSettings(BaseSettings):
    """kafka_servers: `host:port`, with commas; empty: the bus is the log in PostgreSQL."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    kafka_servers: str = ""


class CatalogueSettings(BaseSettings):
    """catalogue: a folder of materials in the place of the shipped one; the same for every part."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    catalogue: Path | None = None


class ListingsCallSettings(BaseSettings):
    """Where listings is."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    listings_url: Addresses


class PartsCallSettings(ListingsCallSettings):
    """Where the gateway finds the parts."""

    matching_url: Addresses
    notifications_url: Addresses


class PreparingSettings(BaseSettings):
    """What it takes to make the database: the DSN of a role that may create roles, and the password of each role that is made."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    admin_database_url: SecretStr
    admin_database_password: SecretStr | None = None
    owner_password: SecretStr
    listings_password: SecretStr
    matching_password: SecretStr
    notifications_password: SecretStr

    def admin_dsn(self) -> str:
        """With its password."""
        url = plain(self.admin_database_url)
        return url if self.admin_database_password is None else with_password(url, plain(self.admin_database_password))


class Read(Protocol):
    """How settings are come by."""

    def __call__(self, settings: type[Told]) -> Told: ...


def told(settings: type[Told], **typed: Any) -> Told:
    """From the environment and the secrets folder; what is typed goes before. Raises ValidationError where something is missing,
    SampleSecretError where a secret is none."""
    folder = SecretsSettings().secrets_dir
    given: dict[str, Any] = {} if folder is None else {"_secrets_dir": folder}
    found = settings(**given, **typed)
    check_secrets(found)
    return found
