"""What listings is told when it starts."""

from __future__ import annotations

from pydantic import SecretStr

from kit.settings import PartSettings


class ListingsSettings(PartSettings):
    """token_secret signs the sessions' tokens; the gateway verifies with the same."""

    token_secret: SecretStr
