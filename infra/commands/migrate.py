"""`ayni migrate`: the database as this release wants it, or one part's schema at an older revision, and nothing served."""

from __future__ import annotations

import argparse

from infra.commands.cannot import CannotError
from infra.commands.command import Arguments, Command, on_loop, settings_of, var_option
from infra.database import MIGRATIONS
from infra.distributed.migrating import migrate
from infra.embedded import exchange
from infra.embedded.parts import embedded
from infra.operating.walking import PARTS, UnknownRevisionError, walk


def _options(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("--distributed", action="store_true", help="the database of AYNI_ADMIN_DATABASE_URL, with its roles")
    parser.add_argument("--part", choices=PARTS, help="walk only this part's schema (with --to)")
    parser.add_argument("--to", metavar="REVISION", help="up or down to this revision; down loses what only newer revisions can hold")


async def _migrate(arguments: Arguments) -> None:
    await exchange.migrate(settings_of(arguments), embedded())
    print(", ".join(f"{part.name} {part.revisions()[-1]}" for part in MIGRATIONS))  # noqa: T201 - for people


async def _walk(arguments: Arguments) -> None:
    try:
        before, now = await walk(settings_of(arguments), arguments.part, arguments.to)
    except UnknownRevisionError as error:
        raise CannotError(f"{error}; `ayni erase` removes an exchange whole") from None
    print(f"{arguments.part}: from {before} to {now}")  # noqa: T201 - for people


def _run(arguments: Arguments) -> None:
    if (arguments.part is None) != (arguments.to is None):
        raise CannotError("--part and --to go together: --part listings --to 0001")
    if arguments.part is not None:
        on_loop(_walk(arguments), "WARNING")
    else:
        on_loop(migrate() if arguments.distributed else _migrate(arguments))


MIGRATE = Command("migrate", "Bring the database up to this release, and stop.", _options, _run)
