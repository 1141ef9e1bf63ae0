"""`ayni erase`: an exchange removed with all its data."""

from __future__ import annotations

from infra.commands.command import Arguments, Command, settings_of, var_option
from infra.embedded.folder import erase_folder


def _run(arguments: Arguments) -> None:
    erase_folder(settings_of(arguments).var.absolute())


ERASE = Command("erase", "Remove an exchange that does not run, with all its data.", var_option, _run)
