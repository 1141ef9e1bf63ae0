"""What an owner looks after: the partitions that the bus gave it, and for which nobody answers.

A process that was stopped, and is told late that it has lost a partition, may take it anew before it is told; then the table names a
process that refuses, and the one that has the partition hears of it only with the next record, which may be long in coming. So each
looks. Load-bearing: a partition is never taken from somebody who answers for it, because the bus may have forgotten to tell *us*.
"""

from __future__ import annotations

import asyncio

import asyncpg
import structlog

from kit.transient import TransientError, is_transient
from services.matching.ownership import Ownership
from services.matching.peers import Peers
from services.matching.settings import MatchingSettings

log = structlog.get_logger()
LOOK_SECONDS = 1.0
DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class Vigil:
    """`run` it for as long as the process matches."""

    def __init__(self, ownership: Ownership, peers: Peers, settings: MatchingSettings) -> None:
        self._ownership, self._peers, self._settings = ownership, peers, settings
        self._doubted_since: dict[int, float] = {}

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            try:
                await self.look()
            except (*DATABASE_ERRORS, TransientError) as error:
                if not is_transient(error):
                    raise
                log.warning("the vigil has to wait", cause=repr(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Takes anew what has been nobody's for too long."""
        now = asyncio.get_running_loop().time()
        for partition in sorted(self._ownership.given):
            if await self._is_answered_for(partition):
                self._doubted_since.pop(partition, None)
            elif now - self._doubted_since.setdefault(partition, now) >= self._settings.doubts_owner_seconds:
                log.warning("nobody answers for a partition that is ours: taken anew", partition=partition)
                del self._doubted_since[partition]
                await self._ownership.retake(partition)

    async def _is_answered_for(self, partition: int) -> bool:
        if await self._ownership.proven(partition) is not None:
            return True
        owner = await self._ownership.owners.of(partition)
        if owner is None or owner.address == self._ownership.address:
            return False
        return await self._peers.is_owner(owner.address, partition, self._settings.waits_for_answer_seconds)
