"""`ayni backup`: an embedded exchange, running or not, into one file."""

from __future__ import annotations

import argparse
from pathlib import Path

from infra.commands.command import Arguments, Command, on_loop, settings_of, var_option
from infra.commands.table import counted
from infra.operating.copying import back_up
from infra.operating.reach import reached


async def _back_up(arguments: Arguments) -> None:
    async with reached(settings_of(arguments), may_be_older=True) as exchange:
        header = await back_up(exchange, arguments.file)
    size, content = arguments.file.stat().st_size / 1e6, ", ".join(counted(*one) for one in header.content)
    print(f"{arguments.file}: {content}; {size:,.1f} MB, as secret as the exchange itself")  # noqa: T201 - for people


def _options(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("file", type=Path, help="where to write it; must not exist")


BACKUP = Command("backup", "Write an exchange, running or not, into one file.", _options, lambda it: on_loop(_back_up(it), "WARNING"))
