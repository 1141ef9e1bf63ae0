"""A process that has imported everything once, and becomes a part whenever it is asked to: a fork takes milliseconds, a start two seconds.

So sixty kills a minute leave two cores time for the load. What is forked runs `ayni serve`, with its own environment and log. One order a
line on stdin (JSON), the new process's id on stdout. A planted mistake (planted.py) is made before the part is.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from infra.cli import main
from infra.embedded.process import end_with_parent
from tests.chaos.planted import plant


def become(order: dict[str, Any]) -> int:
    """The part, until it ends. Gives its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    end_with_parent(signal.SIGKILL)
    os.setsid()
    os.environ.update(order["env"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    plant(order["plants"])
    return main(["serve", order["part"]])


def obey() -> None:
    """Until the harness is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(become(json.loads(line)))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    obey()
