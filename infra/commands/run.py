"""`ayni run`: the exchange in this process."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from infra.commands.command import Arguments, Command, on_loop, settings_of, var_option
from infra.embedded import exchange
from infra.embedded.parts import embedded
from infra.embedded.process import end_with_parent


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="the port on 127.0.0.1; 0: any free one (PORT; default: 8080)")
    var_option(parser)
    parser.add_argument("--catalogue", type=Path, help="a folder of materials of your own (CATALOGUE; default: the shipped one)")
    parser.add_argument("--no-sample", dest="sample", action="store_const", const=False, help="an empty market (SAMPLE=no)")
    parser.add_argument("--end-with-parent", action="store_true", help="stop when the process that started this one is gone")


def _run(arguments: Arguments) -> None:
    if arguments.end_with_parent:
        end_with_parent(signal.SIGTERM)
    settings = settings_of(arguments)
    on_loop(exchange.run(settings, embedded(settings.catalogue)))


RUN = Command("run", "Run the exchange in this process until Ctrl-C.", _options, _run)
