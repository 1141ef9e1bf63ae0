"""Refuses secrets that are none: what somebody copied from an example, and what can be guessed.

Load-bearing: nothing starts without having passed here, so a system that was set up in a hurry is down, not open.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

LEAST_CHARACTERS, LEAST_OF_A_KEY = 16, 32  # of a password; of what signs or vouches (RFC 7518, section 3.2)
NOT_OURS_TO_CHOOSE = frozenset({"smtp_url"})  # its password is the mail provider's
LEAST_DISTINCT = 8
OF_OTHERS = frozenset({"smtp", "smtps"})  # their passwords are not ours to choose
OF_EXAMPLES = re.compile(r"change|sample|example|secret|password|default|replace|placeholder|123456|qwerty", re.IGNORECASE)


class SampleSecretError(ValueError):
    """A secret that others know, or can guess. The message names the setting, never the value."""


def check_secrets(settings: BaseModel) -> None:
    """Raises SampleSecretError."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr) and name not in NOT_OURS_TO_CHOOSE:
            _check(name, value.get_secret_value())


def _check(name: str, secret: str) -> None:
    scheme, has_address, _ = secret.partition("://")
    if has_address:
        secret = unquote(urlsplit(secret).password or "")
        if not secret:
            return  # a server that asks for none, or whose password is a setting of its own
    if OF_EXAMPLES.search(secret):
        raise SampleSecretError(f"{name} is the value of an example: make one of your own (`sh infra/secrets.sh` makes them all)")
    if scheme in OF_OTHERS:
        return
    least = LEAST_CHARACTERS if has_address or name.endswith("password") else LEAST_OF_A_KEY
    if len(secret) < least or len(set(secret)) < LEAST_DISTINCT:
        raise SampleSecretError(f"{name} can be guessed: it needs {least} characters or more, made by chance")
