"""Which failures whoever typed the command can do something about, and the exit code of each."""

from __future__ import annotations

import errno

import asyncpg
from pydantic import ValidationError

from contracts.catalogue import CatalogueError
from infra.commands.cannot import CannotError
from infra.distributed.compose import ComposeError
from infra.distributed.secrets import SampleSecretError
from infra.embedded.door import PortTakenError
from infra.embedded.lock import FolderInUseError
from infra.embedded.process import OwnServerError
from infra.operating.backup import BackupError
from infra.operating.reach import UnreachableError
from infra.sample.market import SampleError
from kit.bus import TopicMismatchError
from kit.bus_kafka import WrongClusterError
from kit.migrations import NewerSchemaError
from kit.transient import TransientError

FULL = "make room on it and try again; what was acknowledged is kept"
EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (PortTakenError, 2),
    (FolderInUseError, 2),
    (ValidationError, 2),
    (SampleSecretError, 2),
    (ComposeError, 2),
    (TransientError, 1),
    (OwnServerError, 1),
    (TopicMismatchError, 1),
    (WrongClusterError, 1),
    (SampleError, 1),
    (CatalogueError, 1),
    (CannotError, 1),
    (UnreachableError, 1),
    (BackupError, 1),
    (NewerSchemaError, 1),
)


def code_of(error: Exception) -> int | None:
    """None: nobody expected it."""
    if is_full(error) or (isinstance(error, OSError) and error.filename is not None):
        return 1
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), None)


def said_of(error: Exception) -> list[str]:
    """What to tell, in lines."""
    if isinstance(error, ValidationError):
        return ["; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())]
    if isinstance(error, CatalogueError):
        return [str(fault) for fault in error.faults]
    if is_full(error):
        return [f"the disk is full: {FULL}"]
    if isinstance(error, OSError) and error.filename is not None:
        return [f"{error.filename}: {error.strerror}"]
    return [str(error)]


def is_full(error: Exception) -> bool:
    """Whether there was no room: for us, or for the database."""
    return isinstance(error, asyncpg.DiskFullError) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))
