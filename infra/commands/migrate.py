"""`ayni migrate`: the database as this release wants it, and nothing served."""

from __future__ import annotations

import argparse

from infra.commands.command import Arguments, Command, on_loop, settings_of, var_option
from infra.distributed.migrating import migrate
from infra.embedded import exchange
from infra.embedded.parts import embedded


def _options(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("--distributed", action="store_true", help="the database of AYNI_ADMIN_DATABASE_URL, with its roles")


def _run(arguments: Arguments) -> None:
    on_loop(migrate() if arguments.distributed else exchange.migrate(settings_of(arguments), embedded()))


MIGRATE = Command("migrate", "Bring the database up to this release, and stop.", _options, _run)
