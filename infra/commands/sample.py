"""`ayni sample map`: the sample market's picture, drawn from the files of `infra/sample/data`."""

from __future__ import annotations

import argparse
from pathlib import Path

from infra.commands.command import Arguments, Command, Group
from infra.commands.excuses import CannotError
from infra.sample.picture.draw import PICTURE, draw_market


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, default=PICTURE, help="the file (default: docs/sample-market.svg of a checkout)")


def _run(arguments: Arguments) -> None:
    try:
        arguments.to.write_text(draw_market(), encoding="utf-8")
    except OSError as error:
        raise CannotError(f"{arguments.to} cannot be written: {error.strerror}") from error
    print(arguments.to)  # noqa: T201 - for people


SAMPLE = Group("sample", "The sample market.", (Command("map", "Draw its map.", _options, _run),))
