"""`ayni restore`: an embedded exchange out of a backup."""

from __future__ import annotations

import argparse
from pathlib import Path

from infra.commands.command import Arguments, Command, on_loop, settings_of, var_option
from infra.commands.table import counted
from infra.operating.copying import restore


async def _restore(arguments: Arguments) -> None:
    settings = settings_of(arguments)
    header = await restore(settings, arguments.file, may_replace=arguments.replace)
    content = ", ".join(counted(*one) for one in header.content)
    print(f"{settings.var}: {content}, as of {header.made_at:%Y-%m-%d %H:%M:%S} UTC")  # noqa: T201 - for people


def _options(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("file", type=Path, help="what `ayni backup` wrote")
    parser.add_argument("--replace", action="store_true", help="in the place of the exchange that is there")


RESTORE = Command("restore", "Make an exchange of a backup; it must not run.", _options, lambda it: on_loop(_restore(it), "WARNING"))
