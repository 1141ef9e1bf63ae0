"""The command `ayni`: the table of its subcommands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from infra.commands.catalogue import CATALOGUE
from infra.commands.command import Command, Group
from infra.commands.contracts import CONTRACTS
from infra.commands.dead_letters import DEAD_LETTERS
from infra.commands.demo import DEMO
from infra.commands.erase import ERASE
from infra.commands.excuses import excused
from infra.commands.licences import LICENCES
from infra.commands.migrate import MIGRATE
from infra.commands.organisations import ORGANISATIONS
from infra.commands.run import RUN
from infra.commands.serve import SERVE
from infra.commands.topics import TOPICS

COMMANDS: tuple[Command | Group, ...] = (
    RUN,
    MIGRATE,
    ERASE,
    DEMO,
    CATALOGUE,
    CONTRACTS,
    DEAD_LETTERS,
    ORGANISATIONS,
    LICENCES,
    SERVE,
    TOPICS,
)


def main(words: Sequence[str] | None = None) -> int:
    """Runs one subcommand; the answer is the exit code."""
    arguments = _parser().parse_args(words)
    return excused(lambda: arguments.run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ayni", description="The material exchange.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add_to(commands)
    return parser
