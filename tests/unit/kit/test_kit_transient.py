"""What is retried for ever, and what is not."""

from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from kit.consumer import FencedError, TransientError
from kit.transient import backoff_seconds, is_transient


def wrapped(cause: BaseException) -> DBAPIError:
    """As SQLAlchemy's asyncpg dialect hands it on."""
    outer = Exception("adapted")
    outer.__cause__ = cause
    return DBAPIError("select 1", {}, outer)


@pytest.mark.parametrize(
    "error",
    [
        TransientError("soon"),
        ConnectionResetError(),
        TimeoutError(),
        PoolTimeoutError(),
        asyncpg.ConnectionDoesNotExistError("cut"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.AdminShutdownError("terminating"),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.SerializationError("concurrent update"),
        asyncpg.LockNotAvailableError("lock timeout"),
        asyncpg.QueryCanceledError("statement timeout"),
        asyncpg.TooManyConnectionsError("full"),
        asyncpg.DiskFullError("full"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
        wrapped(asyncpg.DeadlockDetectedError("deadlock")),
        wrapped(asyncpg.InterfaceError("cannot call Connection.fetch(): connection has been released back to the pool")),
        DBAPIError("select 1", {}, Exception(), connection_invalidated=True),
    ],
    ids=repr,
)
def test_what_passes_by_itself_is_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"),
        FencedError("another epoch"),
        asyncpg.UniqueViolationError("twice"),
        asyncpg.InterfaceError("the server expects 1 argument for this query, 0 were passed"),
        wrapped(asyncpg.CheckViolationError("rule")),
        IntegrityError("insert", {}, Exception()),
    ],
    ids=repr,
)
def test_what_will_fail_again_is_not_transient(error: Exception) -> None:
    assert not is_transient(error)


def test_the_pause_doubles_up_to_its_bound() -> None:
    assert [backoff_seconds(attempt) for attempt in (1, 2, 3, 4)] == [0.1, 0.2, 0.4, 0.8]
    assert backoff_seconds(1000) == 5.0
    assert backoff_seconds(9, longest=1.0) == 1.0
