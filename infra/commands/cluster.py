"""`ayni cluster`: the distributed system on this machine, with real servers and no Docker."""

from __future__ import annotations

import argparse
import signal

from infra.commands.command import Arguments, Command, on_loop, var_option
from infra.distributed.cluster import ClusterSettings, run
from infra.embedded.process import end_with_parent


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="the gateway's port on 127.0.0.1; 0: any free one (PORT; default: 8080)")
    var_option(parser)
    parser.add_argument("--brokers", type=int, help="how many brokers, 1 or 3; 0: the bus is PostgreSQL's log (N; default: 1)")
    parser.add_argument("--matching", type=int, help="how many owners of the market (MATCHING; default: 2)")
    parser.add_argument("--sample", action=argparse.BooleanOptionalAction, help="load the sample market on the first start (SAMPLE)")
    parser.add_argument("--end-with-parent", action="store_true", help="stop when the process that started this one is gone")


def _run(arguments: Arguments) -> None:
    if arguments.end_with_parent:
        end_with_parent(signal.SIGTERM)
    typed = {name: value for name in ClusterSettings.model_fields if (value := getattr(arguments, name, None)) is not None}
    on_loop(run(ClusterSettings(**typed)))


CLUSTER = Command("cluster", "Run the distributed system on this machine until Ctrl-C.", _options, _run)
