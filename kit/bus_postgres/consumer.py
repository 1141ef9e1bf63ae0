"""A consumer of the PostgreSQL log: joins, shares partitions, reads, commits.

Load-bearing: ownership changes only inside `poll`, between two reads, so that a listener is never called while records of its
partitions are being handed out. The background task shows life and nothing else: a handler may take longer than the session
timeout, a stopped process may not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

import asyncpg

from kit.bus import CommitFailedError, Listener, Record, TopicPartition, UnknownTopicError
from kit.bus_postgres import log
from kit.bus_postgres.membership import Membership
from kit.bus_postgres.shares import quota, surplus, vacancies

POLL_SECONDS = 1.0  # a notice may be missed, a poll may not
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the driver's word for a statement between the server's goodbye and the end of the connection
    OSError,
)


class PostgresConsumer:
    """The port's Consumer."""

    def __init__(self, dsn: str, group: str, topics: tuple[str, ...], listener: Listener | None, session_timeout_seconds: float) -> None:
        """See PostgresBus.consumer."""
        self._dsn, self._group, self._topics, self._listener = dsn, group, topics, listener
        self._session_seconds = session_timeout_seconds
        self._membership: Membership | None = None
        self._life: asyncio.Task[None] | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._grown: set[TopicPartition] = set()
        self._woken = asyncio.Event()
        self._next_check = 0.0

    async def start(self) -> None:
        """Join. Raises UnknownTopicError, OSError and asyncpg's errors while the server cannot be reached."""
        await self._join()

    async def stop(self) -> None:
        """Tell `revoked`, leave. Harmless when repeated."""
        try:
            await self._disown(frozenset(self._positions))
        finally:
            membership, self._membership = self._membership, None
            await self._stop_life()
            if membership is not None:
                await _say_goodbye(membership)

    async def poll(self, timeout_seconds: float, max_records: int) -> dict[TopicPartition, list[Record]]:
        """As the port says."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        has_failed = False
        while True:
            membership = await self._joined()
            self._woken.clear()
            try:
                if loop.time() >= self._next_check:
                    self._next_check = loop.time() + POLL_SECONDS
                    self._grown.update(self._positions)
                    await self._share_or_abandon(membership)
                found = await self._fetch(membership, max_records)
            except LOST:
                membership.abandon()
                if has_failed:
                    raise
                has_failed = True  # one try more: whoever was merely cut off joins again
                continue
            remaining = deadline - loop.time()
            if found or remaining <= 0:
                return found
            with suppress(TimeoutError):
                async with asyncio.timeout(min(remaining, max(0.0, self._next_check - loop.time()))):
                    await self._woken.wait()

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """As the port says. The session that holds the claims writes, so a former owner cannot."""
        membership = self._membership
        if strange := positions.keys() - self._positions.keys():
            raise CommitFailedError(f"not assigned: {sorted(strange)}")
        if membership is None or not membership.is_connected:
            raise CommitFailedError("the member was cut off from its group")
        try:
            await membership.commit(positions)
        except LOST as error:
            membership.abandon()
            raise CommitFailedError("the member was cut off from its group") from error

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """As the port says."""
        self._paused.update(self._positions.keys() & set(partitions))

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """As the port says."""
        self._paused.difference_update(partitions)
        self._grown.update(self._positions.keys() & set(partitions))
        self._woken.set()

    def seek(self, partition: TopicPartition, position: int) -> None:
        """As the port says."""
        if partition in self._positions:
            self._positions[partition] = position
            self._grown.add(partition)
            self._woken.set()

    async def end_positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """As the port says."""
        if self._membership is None:
            raise ConnectionError("the member is not joined")
        return await self._membership.end_positions(partitions)

    def assignment(self) -> frozenset[TopicPartition]:
        """As the port says."""
        return frozenset(self._positions)

    async def _joined(self) -> Membership:
        """The living membership; after a loss what was owned is told revoked, and the member joins anew."""
        if self._membership is None or not self._membership.is_connected:
            self._membership = None
            await self._stop_life()
            await self._disown(frozenset(self._positions))
            await self._join()
        assert self._membership is not None
        return self._membership

    async def _join(self) -> None:
        membership = await Membership.join(
            self._dsn, self._group, self._topics, self._session_seconds, grown=self._hear_grown, changed=self._hear_change
        )
        if missing := set(self._topics) - membership.counts.keys():
            await _say_goodbye(membership)
            raise UnknownTopicError(f"no topic {', '.join(sorted(missing))}: topics are made before they are used")
        self._membership = membership
        self._next_check = 0.0
        self._life = asyncio.create_task(self._show_life(membership), name=f"life of a member of {self._group}")

    async def _show_life(self, membership: Membership) -> None:
        """A statement well within the session timeout, until the connection is lost."""
        while membership.is_connected:
            await asyncio.sleep(self._session_seconds / 4)
            try:
                await membership.show_life()
            except LOST:
                membership.abandon()
        self._hear_change()

    async def _stop_life(self) -> None:
        task, self._life = self._life, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _share_or_abandon(self, membership: Membership) -> None:
        """A change of ownership that was not completed must not leave claims that nobody remembers."""
        try:
            await self._share(membership)
        except BaseException:
            membership.abandon()
            raise

    async def _share(self, membership: Membership) -> None:
        """Give back what is over the quota, then claim what is missing."""
        peers = await membership.peers()
        due = {topic: quota(peers, membership.member, topic, membership.counts[topic]) for topic in self._topics}
        if over := surplus(self._positions, due):
            await self._disown(over)
            await membership.release(over)
        claimed: set[TopicPartition] = set()
        for missing, candidates in vacancies(self._positions, due, membership.counts):
            claimed |= await _claim(membership, missing, candidates)
        if claimed:
            await self._own(membership, claimed)

    async def _own(self, membership: Membership, claimed: Collection[TopicPartition]) -> None:
        self._positions.update(await membership.committed(claimed))
        self._grown.update(claimed)
        if self._listener is not None:
            await self._listener.assigned(frozenset(claimed))

    async def _disown(self, partitions: frozenset[TopicPartition]) -> None:
        """Awaits the listener first, which may still commit."""
        if not partitions:
            return
        try:
            if self._listener is not None:
                await self._listener.revoked(partitions)
        finally:
            self._paused -= partitions
            self._grown -= partitions
            for partition in partitions:
                self._positions.pop(partition, None)

    async def _fetch(self, membership: Membership, max_records: int) -> dict[TopicPartition, list[Record]]:
        """Only partitions that may have something. Each gets an equal part of `max_records`; what had its full part is asked again."""
        ready = sorted(self._grown - self._paused)[:max_records]
        if not ready:
            return {}
        limit = max(1, max_records // len(ready))
        self._grown.difference_update(ready)  # before the read: a notice that comes during it counts
        found = await membership.read({one: self._positions[one] for one in ready}, limit)
        for partition, records in found.items():
            self._positions[partition] = records[-1].position + 1
            if len(records) == limit:
                self._grown.add(partition)
        return found

    def _hear_grown(self, payload: str) -> None:
        topic, numbers = log.grown(payload)
        heard = {one for one in self._positions if one.topic == topic and (numbers is None or one.partition in numbers)}
        if heard:
            self._grown |= heard
            self._woken.set()

    def _hear_change(self) -> None:
        self._next_check = 0.0
        self._woken.set()


async def _claim(membership: Membership, missing: int, candidates: Sequence[TopicPartition]) -> set[TopicPartition]:
    """Ask for just as many as are missing, so that nothing is claimed only to be given back."""
    claimed: set[TopicPartition] = set()
    rest = list(candidates)
    while rest and missing > len(claimed):
        asked, rest = rest[: missing - len(claimed)], rest[missing - len(claimed) :]
        claimed |= await membership.claim(asked)
    return claimed


async def _say_goodbye(membership: Membership) -> None:
    try:
        await membership.leave()
    except (*LOST, asyncpg.PostgresError):
        membership.abandon()
