"""Where the feed ends now, for those who wait for more: woken by PostgreSQL's LISTEN, or by a look once a second.

One connection a process, from a pool of its own, however many wait. Load-bearing: the look. A
notification may be lost with its connection, an event may not.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from kit.transient import is_transient
from services.notifications.repository.feed import CHANNEL, Pool, read_head

DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError, OSError, TimeoutError)
log = structlog.get_logger()


class Watch:
    """`position`: of the last event of the feed that this process has heard of."""

    def __init__(self, pool: Pool, poll_seconds: float) -> None:
        self._pool, self._poll_seconds = pool, poll_seconds
        self.position = 0
        self._raised, self._is_released = asyncio.Event(), False

    async def beyond(self, position: int, seconds: float) -> None:
        """Returns when something is behind the position, the time is over, or this part is about to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.position <= position and not self._is_released:
                    await self._raised.wait()

    def release(self) -> None:
        """Nobody waits any more: who does is told that there is nothing, and asks again whoever serves then."""
        self._is_released = True
        self._wake()

    async def run(self) -> None:
        """Until cancelled; a lost connection is made anew."""
        while True:
            try:
                await self._follow()
            except DATABASE_ERRORS as error:
                if not is_transient(error):
                    raise
                log.warning("the feed's watch lost its connection", error=type(error).__name__)
                await asyncio.sleep(self._poll_seconds)

    async def _follow(self) -> None:
        async with self._pool.acquire() as connection:
            await connection.add_listener(CHANNEL, self._on_notification)
            try:
                while True:
                    self._raise_to((await read_head(connection)).position)
                    await asyncio.sleep(self._poll_seconds)
            finally:
                await connection.remove_listener(CHANNEL, self._on_notification)

    def _on_notification(self, _connection: Any, _process: int, _channel: str, payload: object) -> None:
        self._raise_to(int(str(payload)))

    def _raise_to(self, position: int) -> None:
        if position > self.position:
            self.position = position
            self._wake()

    def _wake(self) -> None:
        raised, self._raised = self._raised, asyncio.Event()
        raised.set()
