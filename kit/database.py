"""PostgreSQL: the pool for hot paths, the sessions for aggregates, and what its errors mean to a caller.

Load-bearing: constraint names are part of the contract. A part maps the names of its own constraints to problems; whatever it
does not map crashes and is logged, because a rule that only the database knows is a bug.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from kit.settings import PartSettings

Sessions = async_sessionmaker[AsyncSession]
CONNECT_SECONDS = 5.0


def create_engine(settings: PartSettings, name: str) -> AsyncEngine:
    """The engine behind a part's sessions. A dead connection is found before it is used, not by a request."""
    url = settings.database_url.get_secret_value().replace("postgresql://", "postgresql+asyncpg://", 1)
    seconds = settings.statement_timeout_seconds
    return create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_wait_seconds,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"server_settings": server_settings(name, seconds), "command_timeout": seconds, "timeout": CONNECT_SECONDS},
    )


def server_settings(name: str, seconds: float) -> dict[str, str]:
    """jit costs more than it gives at our sizes; a session idle inside a transaction holds locks for nobody."""
    return {
        "application_name": name,
        "jit": "off",
        "timezone": "UTC",
        "statement_timeout": str(int(seconds * 1000)),
        "idle_in_transaction_session_timeout": str(int(seconds * 3000)),
    }


def sessions_of(engine: AsyncEngine) -> Sessions:
    """Objects stay readable after the commit, because the answer is made of them."""
    return async_sessionmaker(engine, expire_on_commit=False)


async def create_pool(settings: PartSettings, name: str, size: int | None = None) -> asyncpg.Pool[asyncpg.Record]:
    """A plain asyncpg pool, for lists, bulk and the bus."""
    seconds = settings.statement_timeout_seconds
    return await asyncpg.create_pool(
        settings.database_url.get_secret_value(),
        min_size=1,
        max_size=size or settings.pool_size,
        command_timeout=seconds,
        timeout=CONNECT_SECONDS,
        server_settings=server_settings(name, seconds),
    )


async def copy_rows(session: AsyncSession, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Many rows at once, in the session's transaction and in their order, by COPY: a tenth of what INSERTs of a session cost.

    Raises IntegrityError as the session does."""
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    try:
        await driver.copy_records_to_table(table, records=rows, columns=columns)
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(f"COPY {table}", None, error) from error


def driver_error(error: BaseException) -> BaseException:
    """asyncpg's own error behind SQLAlchemy's two wrappers."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def constraint_of(error: BaseException) -> str | None:
    """The name of the constraint that was violated, if that is what happened."""
    found: Any = getattr(driver_error(error), "constraint_name", None)
    return found if isinstance(found, str) else None
