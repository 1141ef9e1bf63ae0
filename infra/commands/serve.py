"""`ayni serve`: one part of the distributed system, in this process."""

from __future__ import annotations

import argparse
import signal

from infra.commands.command import Arguments, Command, on_loop
from infra.distributed.parts import BUILDERS
from infra.distributed.serving import serve
from infra.embedded.process import end_with_parent


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("part", choices=sorted(BUILDERS), help="which one; what it is told comes from the environment (docker-compose.yml)")
    parser.add_argument("--fd", type=int, help="a listening socket that this process was given (default: AYNI_HOST and AYNI_PORT)")
    parser.add_argument("--end-with-parent", action="store_true", help="stop when the process that started this one is gone")


def _run(arguments: Arguments) -> None:
    if arguments.end_with_parent:
        end_with_parent(signal.SIGTERM)
    on_loop(serve(arguments.part, arguments.fd))


SERVE = Command("serve", "Serve one part of the distributed system until a signal ends it.", _options, _run)
