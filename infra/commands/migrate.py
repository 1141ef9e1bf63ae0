"""`ayni migrate`: the database as this release wants it, and nothing served."""

from __future__ import annotations

from infra.commands.command import Arguments, Command, on_loop, settings_of, var_option
from infra.embedded import exchange
from infra.embedded.parts import embedded


def _run(arguments: Arguments) -> None:
    on_loop(exchange.migrate(settings_of(arguments), embedded()))


MIGRATE = Command("migrate", "Bring the database up to this release, and stop.", var_option, _run)
