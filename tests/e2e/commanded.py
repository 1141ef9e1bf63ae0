"""The commands of an operator, each in a process of its own, forked from one that has imported the command already."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE_SECONDS

CONTEXT = multiprocessing.get_context("forkserver")
NEEDED = ("exit_codes", "run", "migrate", "dead_letters", "organisations", "licences", "backup", "restore", "importing")
CONTEXT.set_forkserver_preload(["infra.cli", *(f"infra.commands.{name}" for name in NEEDED)])


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """Of a table: its lines without the head and the count, by words."""
        return [line.split() for line in self.out.splitlines()[1:-1]]


def ayni(*words: object, environment: dict[str, str] | None = None) -> Said:
    """Runs the command to its end."""
    with tempfile.TemporaryDirectory() as folder:
        process = CONTEXT.Process(target=_run, args=([str(word) for word in words], folder, environment or {}))
        process.start()
        process.join(PATIENCE_SECONDS)
        assert process.exitcode is not None, f"{words} takes too long"
        return Said(process.exitcode, Path(folder, "out").read_text(), Path(folder, "err").read_text())


def _run(words: list[str], folder: str, environment: dict[str, str]) -> None:
    from infra.cli import main

    os.environ.pop("DATABASE_URL", None)
    os.environ.update(environment)
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT), descriptor)
    raise SystemExit(main(words))
