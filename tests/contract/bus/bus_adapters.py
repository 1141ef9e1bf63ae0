"""What the contract suite needs of each adapter, beside the port. A new adapter is one more class here and one more name in conftest.py.

Also imported by bus_member.py, which runs in a process of its own: `specification` is all that it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg

from kit.bus import Bus, Message, Topic
from kit.bus_postgres import PostgresBus, ensure_topics


class BusAdapter(Protocol):
    """One kind of bus, running."""

    @property
    def specification(self) -> dict[str, Any]:
        """What `open_bus` needs in another process."""

    async def make_topic(self, topic: Topic) -> None:
        """Make it, or refuse: TopicMismatchError."""

    async def publish_in_vain(self, bus: Bus, batch: Sequence[Message]) -> None:
        """Publish and give up: nothing of the batch may ever be read."""


class PostgresAdapter:
    """A database with the schema `bus`."""

    def __init__(self, owner_dsn: str, member_dsn: str, session_timeout_seconds: float) -> None:
        """`member_dsn`: a role in the bus's group, no superuser."""
        self._owner_dsn = owner_dsn
        self._member_dsn = member_dsn
        self.specification = {"adapter": "postgres", "dsn": member_dsn, "session_timeout_seconds": session_timeout_seconds}

    async def make_topic(self, topic: Topic) -> None:
        """By the owner role."""
        connection = await asyncpg.connect(self._owner_dsn)
        try:
            await ensure_topics(connection, [topic])
        finally:
            await connection.close()

    async def publish_in_vain(self, bus: Bus, batch: Sequence[Message]) -> None:
        """In a transaction that is rolled back."""
        connection = await asyncpg.connect(self._member_dsn)
        try:
            transaction = connection.transaction()
            await transaction.start()
            await bus.publish(batch, connection=connection)
            await transaction.rollback()
        finally:
            await connection.close()


def open_bus(specification: dict[str, Any]) -> Bus:
    """A bus of the adapter that was specified, not started."""
    given = dict(specification)
    return {"postgres": PostgresBus}[given.pop("adapter")](given.pop("dsn"), **given)
