"""Listings' own use cases, done by an operator: in a transaction of their own, as the role of that part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from infra.operating.reach import NAME, Reached
from kit.database import server_settings, sessions_of
from services.listings import app as listings

STATEMENT_SECONDS = 60.0


@asynccontextmanager
async def transaction(exchange: Reached) -> AsyncIterator[AsyncSession]:
    """Committed when the block ends."""
    role = {"role": listings.NAME, "search_path": f'"{listings.NAME}", public'}
    engine = create_async_engine(
        exchange.dsn.replace("postgresql://", "postgresql+asyncpg://", 1),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"server_settings": server_settings(NAME, STATEMENT_SECONDS) | role},
    )
    try:
        async with sessions_of(engine).begin() as session:
            yield session
    finally:
        await engine.dispose()
