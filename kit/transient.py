"""Which errors pass by themselves: the same call may succeed in a moment, so it is retried for ever and never a dead letter."""

from __future__ import annotations

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from kit.database import driver_error

TRANSIENT = (
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.TransactionRollbackError,  # class 40: deadlock, serialization
    asyncpg.InsufficientResourcesError,  # class 53: disk, memory, connections
    asyncpg.OperatorInterventionError,  # class 57: shutting down, starting, cancelled
    asyncpg.PostgresSystemError,  # class 58: the server's own input and output
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby, during a failover
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,  # a statement between the server's goodbye and the end of the connection
    PoolTimeoutError,
    OSError,  # also TimeoutError and ConnectionError
)
_GONE = ("closed", "closing", "released")


class TransientError(Exception):
    """Raised by a handler that knows that trying again later will help."""


def is_transient(error: BaseException) -> bool:
    """Whether to try again, for ever, with a pause in between."""
    if isinstance(error, TransientError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = driver_error(error)
    if isinstance(cause, asyncpg.InterfaceError):  # also the driver's word for a call that can never work
        return any(word in str(cause) for word in _GONE)
    return isinstance(cause, TRANSIENT)


def backoff_seconds(attempt: int, longest: float = 5.0) -> float:
    """0.1 s after the first failure, twice that after each more. `attempt` counts from 1."""
    return float(min(longest, 0.1 * 2 ** min(attempt - 1, 16)))
