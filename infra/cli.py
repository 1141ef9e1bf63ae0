"""The command `ayni`: one table of subcommands."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from infra.embedded import exchange
from infra.embedded.excuses import excused
from infra.embedded.folder import erase_folder
from infra.embedded.parts import EMBEDDED
from infra.embedded.process import end_with_parent
from infra.embedded.settings import ExchangeSettings
from kit.telemetry import configure_logging

Arguments = argparse.Namespace


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: `options` adds its own to the parser, `run` does it."""

    name: str
    summary: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Arguments], None]


def main(words: Sequence[str] | None = None) -> int:
    """Runs one subcommand; the answer is the exit code."""
    arguments = _parser().parse_args(words)
    return excused(lambda: arguments.run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ayni", description="The material exchange.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        one = commands.add_parser(command.name, help=command.summary, description=command.summary)
        command.options(one)
        one.set_defaults(run=command.run)
    return parser


def _var_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--var", type=Path, help="the folder that it keeps everything in (VAR; default: var)")


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="the port on 127.0.0.1; 0: any free one (PORT; default: 8080)")
    _var_option(parser)
    parser.add_argument("--no-sample", dest="sample", action="store_const", const=False, help="an empty market (SAMPLE=no)")
    parser.add_argument("--end-with-parent", action="store_true", help="stop when the process that started this one is gone")


def _settings(arguments: Arguments) -> ExchangeSettings:
    """What was typed goes before what the environment says."""
    typed = {name: value for name in ExchangeSettings.model_fields if (value := getattr(arguments, name, None)) is not None}
    return ExchangeSettings(**typed)


def _on_loop(work: Coroutine[Any, Any, None]) -> None:
    configure_logging()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def _run(arguments: Arguments) -> None:
    if arguments.end_with_parent:
        end_with_parent(signal.SIGTERM)
    _on_loop(exchange.run(_settings(arguments), EMBEDDED))


def _migrate(arguments: Arguments) -> None:
    _on_loop(exchange.migrate(_settings(arguments), EMBEDDED))


def _erase(arguments: Arguments) -> None:
    erase_folder(_settings(arguments).var.absolute())


COMMANDS = (
    Command("run", "Run the exchange in this process until Ctrl-C.", _run_options, _run),
    Command("migrate", "Bring the database up to this release, and stop.", _var_option, _migrate),
    Command("erase", "Remove an exchange that does not run, with all its data.", _var_option, _erase),
)
