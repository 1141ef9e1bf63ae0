"""Failures that whoever typed the command can do something about: a message on stderr and an exit code, no traceback.

0 done, 1 could not go on, 2 asked for what cannot be (a taken port, a folder in use, a wrong value).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from pydantic import ValidationError

from contracts.catalogue import CatalogueError
from infra.distributed.secrets import SampleSecretError
from infra.embedded.door import PortTakenError
from infra.embedded.lock import FolderInUseError
from infra.embedded.process import OwnServerError
from infra.operating.reach import UnreachableError
from infra.sample.market import SampleError
from kit.migrations import NewerSchemaError


class CannotError(RuntimeError):
    """A command could not do what it was asked; the message says why, and what to do."""


EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (PortTakenError, 2),
    (FolderInUseError, 2),
    (ValidationError, 2),
    (SampleSecretError, 2),
    (OwnServerError, 1),
    (SampleError, 1),
    (CatalogueError, 1),
    (CannotError, 1),
    (UnreachableError, 1),
    (NewerSchemaError, 1),
)


def excused(work: Callable[[], None]) -> int:
    """Does the work; the answer is the exit code. What nobody expected is raised."""
    try:
        work()
    except tuple(kind for kind, _ in EXIT_CODES) as error:
        print("\n".join(f"ayni: {line}" for line in _said(error)), file=sys.stderr)  # noqa: T201 - for people
        return next(code for kind, code in EXIT_CODES if isinstance(error, kind))
    return 0


def _said(error: Exception) -> list[str]:
    if isinstance(error, ValidationError):
        return ["; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())]
    if isinstance(error, CatalogueError):
        return [str(fault) for fault in error.faults]
    return [str(error)]
