"""Who sends, and where to: from the environment, because what is typed after a command stands in everybody's list of processes."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class SenderSettings(BaseSettings):
    """AYNI_KEY: an API key. AYNI_TOKEN: of a session, instead. AYNI_URL: the exchange's address."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    key: SecretStr | None = None
    token: SecretStr | None = None
    url: str | None = None
