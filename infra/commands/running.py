"""Where the exchange of a folder is, for commands that call it as anybody does."""

from __future__ import annotations

import json

from infra.commands.cannot import CannotError
from infra.embedded.settings import ExchangeSettings


def running_url(settings: ExchangeSettings) -> str:
    """The gateway of the exchange that runs in the folder. Raises CannotError where none does."""
    from infra.embedded.folder import RUNNING  # knows every part: a command that was told an address starts in half the time

    try:
        return str(json.loads((settings.var / RUNNING).read_text())["gateway"])
    except FileNotFoundError:
        raise CannotError(f"no exchange runs in {settings.var}: start one with `make run`, or name its address with --url") from None
