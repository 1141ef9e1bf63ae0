"""`ayni catalogue check`: all that is wrong with a folder of materials, before an exchange is started with it."""

from __future__ import annotations

import argparse
from pathlib import Path

from contracts.catalogue import SHIPPED, check_catalogue, load_catalogue
from infra.commands.command import Arguments, Command, Group
from infra.commands.excuses import CannotError


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", default=SHIPPED, help="the folder of the catalogue (default: the shipped one)")


def _check(arguments: Arguments) -> None:
    faults = check_catalogue(arguments.folder)
    for fault in faults:
        print(fault)  # noqa: T201 - for people
    if faults:
        raise CannotError(f"{arguments.folder} is no catalogue: {len(faults)} {'fault' if len(faults) == 1 else 'faults'}")
    found = load_catalogue(arguments.folder)
    print(f"{arguments.folder}: {len(found.materials)} materials in {len(found.families)} families, no fault")  # noqa: T201 - for people


CATALOGUE = Group(
    "catalogue", "The catalogue of materials.", (Command("check", "Name every fault of a catalogue's folder.", _options, _check),)
)
