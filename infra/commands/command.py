"""What a subcommand is, and what several of them share: the folder's option, the settings, the loop."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from infra.embedded.settings import ExchangeSettings
from kit.crashing import CrashSettings, arm
from kit.telemetry import configure_logging

Arguments = argparse.Namespace


def no_options(parser: argparse.ArgumentParser) -> None:
    """For a command that takes none."""


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: `options` adds its own to the parser, `run` does it."""

    name: str
    summary: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Arguments], None]

    def add_to(self, table: Any) -> None:
        """table: what argparse's `add_subparsers` gave."""
        parser = table.add_parser(self.name, help=self.summary, description=self.summary, allow_abbrev=False)
        self.options(parser)
        parser.set_defaults(run=self.run)


@dataclass(frozen=True, slots=True)
class Group:
    """Subcommands about one thing: `ayni dead-letters list`."""

    name: str
    summary: str
    commands: tuple[Command, ...]

    def add_to(self, table: Any) -> None:
        """table: what argparse's `add_subparsers` gave."""
        parser = table.add_parser(self.name, help=self.summary, description=self.summary)
        verbs = parser.add_subparsers(required=True, metavar="verb")
        for command in self.commands:
            command.add_to(verbs)


def var_option(parser: argparse.ArgumentParser) -> None:
    """The exchange's folder."""
    parser.add_argument("--var", type=Path, help="the folder that it keeps everything in (VAR; default: var)")


def settings_of(arguments: Arguments) -> ExchangeSettings:
    """What was typed goes before what the environment says."""
    typed = {name: value for name in ExchangeSettings.model_fields if (value := getattr(arguments, name, None)) is not None}
    return ExchangeSettings(**typed)


def on_loop(work: Coroutine[Any, Any, None], level: str = "INFO") -> None:
    """Does it on a loop of its own, and logs what is as grave as the level."""
    configure_logging(level)
    arm(CrashSettings())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
