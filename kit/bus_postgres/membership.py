"""One member of a group: a connection that holds advisory locks, one for every partition it claims.

Load-bearing: claims are locks of the session, and commits go through the same session. So whoever can commit owns the partition: when the
connection ends, for whatever reason, its claims are free and its commits impossible. Every statement is a sign of life
(`pg_stat_activity.state_change`); a member that gives none for its session timeout has its backend ended by its peers,
which needs the same role, not a superuser.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import asyncpg

from kit.bus import Record, TopicPartition
from kit.bus_postgres import log
from kit.bus_postgres.topics import partition_counts
from kit.ids import new_id

MEMBERS = "bus_members"  # NOTIFY channel; the payload is the group

_JOIN = """
    insert into bus.members (consumer_group, member, topics, pid, backend_start, session_seconds)
    select $1, $2, $3, pid, backend_start, $4 from pg_stat_activity where pid = pg_backend_pid()
"""
_GROUP = """
    select member, topics, activity.pid,
           coalesce(activity.state_change < clock_timestamp() - make_interval(secs => session_seconds), false) as is_stalled
    from bus.members left join pg_stat_activity activity
        on activity.pid = members.pid and coalesce(activity.backend_start = members.backend_start, true)
    where consumer_group = $1 order by member
"""
_KEY = "hashtextextended($1 || '/' || topic || '/' || partition, 0)"
_CLAIM = f"select topic, partition from unnest($2::text[], $3::int[]) as one (topic, partition) where pg_try_advisory_lock({_KEY})"  # noqa: S608  constants only
_RELEASE = f"select pg_advisory_unlock({_KEY}) from unnest($2::text[], $3::int[]) as one (topic, partition)"  # noqa: S608  constants only
_COMMITTED = """
    select topic, partition, position
    from bus.offsets join unnest($2::text[], $3::int[]) as wanted (topic, partition) using (topic, partition)
    where consumer_group = $1
"""
_COMMIT = """
    insert into bus.offsets (consumer_group, topic, partition, position)
    select $1, topic, partition, position
    from unnest($2::text[], $3::int[], $4::bigint[]) as one (topic, partition, position) order by topic, partition
    on conflict (consumer_group, topic, partition) do update set position = excluded.position
"""
_FORGET = "delete from bus.members where consumer_group = $1 and member = any($2::uuid[])"
_TELL = "select pg_notify('bus_members', $1)"


@dataclass(frozen=True, slots=True)
class Peer:
    """A living member of the group and what it subscribes to."""

    member: uuid.UUID
    topics: frozenset[str]


class Membership:
    """The connection of one member, from joining to leaving. Raises asyncpg's errors and OSError where it broke; it is then spent."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], group: str, topics: Sequence[str], session_seconds: float) -> None:
        """Use `join`."""
        self.member = new_id()
        self.counts: Mapping[str, int] = {}
        self._connection, self._group, self._topics, self._session_seconds = connection, group, topics, session_seconds
        self._turn = asyncio.Lock()  # asyncpg runs one statement at a time

    @classmethod
    async def join(
        cls,
        dsn: str,
        group: str,
        topics: Sequence[str],
        session_seconds: float,
        *,
        grown: Callable[[str], None],
        changed: Callable[[], None],
    ) -> Self:
        """Connect and tell the group. `grown` hears of appended records (see log.grown), `changed` of members and of the end."""
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            dsn,
            timeout=5,
            command_timeout=session_seconds / 2,  # a statement that takes longer would pass for a stall
            server_settings={"application_name": f"consumer.{group}"[:63], "jit": "off", "timezone": "UTC"},
        )
        try:
            membership = cls(connection, group, topics, session_seconds)
            await membership._enter(grown, changed)
        except BaseException:
            connection.terminate()
            raise
        return membership

    async def _enter(self, grown: Callable[[str], None], changed: Callable[[], None]) -> None:
        def hear_grown(_: object, __: int, ___: str, payload: object) -> None:
            grown(str(payload))

        def hear_members(_: object, __: int, ___: str, payload: object) -> None:
            if payload == self._group:
                changed()

        self._connection.add_termination_listener(lambda _: changed())
        await self._connection.add_listener(log.APPENDED, hear_grown)
        await self._connection.add_listener(MEMBERS, hear_members)
        self.counts = await partition_counts(self._connection)
        async with self._connection.transaction():
            await self._connection.execute(_JOIN, self._group, self.member, list(self._topics), self._session_seconds)
            await self._connection.execute(_TELL, self._group)

    @property
    def is_connected(self) -> bool:
        """Whether the connection is, as far as this side knows, still there."""
        return not self._connection.is_closed()

    async def show_life(self) -> None:
        """Any statement will do."""
        async with self._turn:
            await self._connection.execute("select 1")

    async def peers(self) -> list[Peer]:
        """The living members, oldest first. Forgets the dead and ends the stalled, whose claims end with their backends."""
        async with self._turn:
            rows = await self._connection.fetch(_GROUP, self._group)
            if self.member not in {row["member"] for row in rows}:
                raise ConnectionError("the group has taken this member for dead")
            gone = [row for row in rows if row["member"] != self.member and (row["pid"] is None or row["is_stalled"])]
            if gone:
                await self._forget(gone)
        lost = {row["member"] for row in gone}
        return [Peer(row["member"], frozenset(row["topics"])) for row in rows if row["member"] not in lost]

    async def _forget(self, gone: Iterable[Any]) -> None:
        members = [row["member"] for row in gone]
        stalled = [row["pid"] for row in gone if row["pid"] is not None]
        await self._connection.execute("select pg_terminate_backend(pid, 1000) from unnest($1::int[]) as pid", stalled)
        await self._connection.execute(_FORGET, self._group, members)
        await self._connection.execute(_TELL, self._group)

    async def claim(self, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
        """Those of the partitions that were free and are ours now. What is already ours must not be asked for: locks are counted."""
        async with self._turn:
            rows = await self._connection.fetch(_CLAIM, self._group, *_columns(partitions))
        return {TopicPartition(row["topic"], row["partition"]) for row in rows}

    async def release(self, partitions: Collection[TopicPartition]) -> None:
        """Give claims back and wake the others."""
        async with self._turn:
            await self._connection.execute(_RELEASE, self._group, *_columns(partitions))
            await self._connection.execute(_TELL, self._group)

    async def committed(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The group's next positions; the oldest record where it has none."""
        async with self._turn:
            rows = await self._connection.fetch(_COMMITTED, self._group, *_columns(partitions))
        return dict.fromkeys(partitions, 0) | {TopicPartition(row["topic"], row["partition"]): row["position"] for row in rows}

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """Store the next positions."""
        async with self._turn:
            await self._connection.execute(_COMMIT, self._group, *_columns(positions), list(positions.values()))

    async def read(self, positions: Mapping[TopicPartition, int], limit: int) -> dict[TopicPartition, list[Record]]:
        """See log.read."""
        async with self._turn:
            return await log.read(self._connection, positions, limit)

    async def end_positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """See log.end_positions."""
        async with self._turn:
            return await log.end_positions(self._connection, partitions)

    async def leave(self) -> None:
        """Say goodbye; the end of the connection frees the claims."""
        async with self._turn:
            await self._connection.execute(_FORGET, self._group, [self.member])
            await self._connection.execute("select pg_advisory_unlock_all()")
            await self._connection.execute(_TELL, self._group)
            await self._connection.close()

    def abandon(self) -> None:
        """Drop the connection without a goodbye."""
        self._connection.terminate()


def _columns(partitions: Collection[TopicPartition]) -> tuple[list[str], list[int]]:
    return [one.topic for one in partitions], [one.partition for one in partitions]
