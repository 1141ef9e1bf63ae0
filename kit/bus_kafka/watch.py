"""Whether a member gets on. aiokafka can sit for ever after a broker was restarted, alive and without an error (its issue 1154).

A member gets on while its positions grow, or there is nothing behind them. A cluster that does not answer is another matter: the member may
be well, and is told of as unreachable until it answers again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.errors import KafkaError

from kit.bus_kafka.connection import Connection
from kit.bus_kafka.topics import look
from kit.bus_kafka.turns import Turns, kafka_partitions

PATIENCE_SESSIONS = 3


class Watch:
    """Over one client, from joining to leaving."""

    def __init__(self, client: Any, turns: Turns, connection: Connection) -> None:
        self._client, self._turns, self._connection = client, turns, connection
        self._period = connection.timeouts.session_seconds / 2
        self._patience = PATIENCE_SESSIONS * connection.timeouts.session_seconds
        self._positions: dict[Any, int] = {}
        self._advanced_at = _now()
        self.hindrance: str | None = None
        self.is_stuck = False

    def advanced(self) -> None:
        """Records were delivered."""
        self._advanced_at = _now()
        self.hindrance = None

    def lost(self, error: Exception) -> None:
        """A call was not answered: so it stays until one is."""
        self.hindrance = repr(error)
        self._advanced_at = _now()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._period)
            if self._turns.is_in_hand or self._turns.is_changing:
                self._advanced_at = _now()
            else:
                await self._look()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(self._connection.timeouts.session_seconds):
                gets_on = await (self._gets_on() if self._turns.is_joined else self._waits())
        except (KafkaError, OSError) as error:
            self.lost(error)
            return
        self.hindrance = None
        if gets_on:
            self._advanced_at = _now()
        joining = 0.0 if self._turns.is_joined else self._connection.timeouts.rebalance_seconds
        self.is_stuck = _now() - self._advanced_at > self._patience + joining

    async def _gets_on(self) -> bool:
        partitions = kafka_partitions(self._turns.owned - self._turns.paused)
        if not partitions:
            await look(self._connection)
            return True
        ends = await self._client.end_offsets(partitions)
        positions = {one: await self._client.position(one) for one in partitions}
        has_moved, self._positions = positions != self._positions, positions
        return has_moved or all(positions[one] >= ends[one] for one in partitions)

    async def _waits(self) -> bool:
        """Not in the group: that may take as long as a rebalance, while the cluster answers."""
        await look(self._connection)
        return False


def _now() -> float:
    return asyncio.get_running_loop().time()
