"""The command `ayni`: the table of its subcommands.

Load-bearing: only the module of the subcommand that was asked for is imported, so that a part's process starts in half the time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from infra.commands.command import Arguments, Command, Group
from infra.commands.excuses import excused

COMMANDS = {
    "run": "RUN",
    "cluster": "CLUSTER",
    "migrate": "MIGRATE",
    "erase": "ERASE",
    "demo": "DEMO",
    "sample": "SAMPLE",
    "import": "IMPORTING",
    "catalogue": "CATALOGUE",
    "contracts": "CONTRACTS",
    "dead-letters": "DEAD_LETTERS",
    "organisations": "ORGANISATIONS",
    "licences": "LICENCES",
    "backup": "BACKUP",
    "restore": "RESTORE",
    "serve": "SERVE",
    "topics": "TOPICS",
}


def main(words: Sequence[str] | None = None) -> int:
    """Runs one subcommand; the answer is the exit code."""
    arguments = parsed(sys.argv[1:] if words is None else words)
    return excused(lambda: arguments.run(arguments))


def parsed(words: Sequence[str]) -> Arguments:
    """What was typed. Ends the process where that is no command."""
    return _parser(words).parse_args(words)


def command_of(name: str) -> Command | Group:
    """The subcommand of that name: its module's constant."""
    constant = COMMANDS[name]
    found: Command | Group = getattr(import_module(f"infra.commands.{constant.lower()}"), constant)
    return found


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ayni", description="The material exchange.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        command_of(name).add_to(commands)
    return parser
