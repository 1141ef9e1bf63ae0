"""The relay: unsent outbox rows to the bus, in id order, one relay a service (invariant 1, and "Order" in design.md).

Load-bearing: rows are found by `sent_at is null`, never by `id > last` (ids are taken before commit, so a lower one may appear later), and
everything happens on the connection that holds the service's lock, in this order: lock, publisher, rows. A successor has the lock only
after this connection is gone, and with it the open transaction; where the bus does not join that, the rows were read by the lock's own
connection after the publisher was opened, so a successor opens a later one, which fences it before it can publish what it had read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import asyncpg
import structlog
from prometheus_client import Counter, Gauge

from kit.bus import Bus, Message, Publish
from kit.crashing import crash_point
from kit.tracing import sending
from kit.transient import backoff_seconds, is_transient

log = structlog.get_logger(__name__)

SENT = Counter("ayni_relay_events_total", "Outbox rows published", ["service"])
FAILURES = Counter("ayni_relay_failures_total", "Rounds of the relay that failed", ["service"])
OLDEST = Gauge("ayni_relay_oldest_unsent_seconds", "Age of the oldest row of the last batch when it was taken", ["service"])

_TAKE_THE_LOCK = "select pg_try_advisory_lock(hashtextextended($1, 0))"
_END_A_STALLED_HOLDER = """
    select pg_terminate_backend(activity.pid)
    from pg_locks held join pg_stat_activity activity using (pid)
    where held.locktype = 'advisory' and held.granted and held.objsubid = 1
      and held.database = (select oid from pg_database where datname = current_database())
      and (held.classid::bigint << 32) | held.objid::bigint = hashtextextended($1, 0)
      and activity.state_change < clock_timestamp() - make_interval(secs => $2)
"""
_UNSENT = """
    select id, key, headers, value, routes, extract(epoch from clock_timestamp() - created_at)::float8 as age_seconds
    from outbox where sent_at is null order by id limit $1
"""
_MARK = "update outbox set sent_at = clock_timestamp() where id = any($1::bigint[])"
_PRUNE = """
    delete from outbox where id in (
        select id from outbox where sent_at < clock_timestamp() - make_interval(secs => $1) order by id limit 5000)
"""


class Relay:
    """Publishes what one service said. `run` it for as long as the service lives; a second relay of the service waits its turn."""

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        bus: Bus,
        service: str,
        *,
        batch_size: int = 1000,
        poll_seconds: float = 0.5,
        publish_seconds: float = 20.0,
        stalled_seconds: float = 30.0,
        kept_hours: float = 24.0,
        prune_seconds: float = 600.0,
    ) -> None:
        """`service` is the name of its schema. `stalled_seconds` without a statement, and a waiting successor ends the holder's session:
        it must exceed `publish_seconds`, which bounds one publish."""
        if stalled_seconds <= publish_seconds:
            raise ValueError("a relay that waits for the bus would pass for a stalled one: stalled_seconds must exceed publish_seconds")
        self._pool, self._bus, self._service = pool, bus, service
        self._batch_size, self._poll_seconds = batch_size, poll_seconds
        self._publish_seconds, self._stalled_seconds = publish_seconds, stalled_seconds
        self._kept_hours, self._prune_seconds = kept_hours, prune_seconds
        self._lock = f"relay.{service}"
        self._woken = asyncio.Event()
        self._failures = 0

    async def run(self) -> None:
        """Relay until cancelled. Errors are logged once a change of state and retried for ever."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._lead(connection)
            except Exception as error:
                self._failed(error)
            await asyncio.sleep(backoff_seconds(self._failures))

    async def _lead(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Wait for the lock, then relay while the connection lives. The pool's reset gives the lock back."""
        while not await connection.fetchval(_TAKE_THE_LOCK, self._lock):
            await connection.execute(_END_A_STALLED_HOLDER, self._lock, self._stalled_seconds)
            self._recovered()
            await asyncio.sleep(self._poll_seconds)
        async with self._bus.publisher(self._lock) as publish, self._listening(connection):
            log.info("relay.leads", service=self._service)
            await self._relay(connection, publish)

    async def _relay(self, connection: asyncpg.Connection[asyncpg.Record], publish: Publish) -> None:
        loop = asyncio.get_running_loop()
        next_prune = loop.time()
        while True:
            self._woken.clear()
            sent = await self._round(connection, publish)
            self._recovered()
            if loop.time() >= next_prune:
                await connection.execute(_PRUNE, self._kept_hours * 3600)
                next_prune = loop.time() + self._prune_seconds
            if sent < self._batch_size:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_seconds):
                        await self._woken.wait()

    async def _round(self, connection: asyncpg.Connection[asyncpg.Record], publish: Publish) -> int:
        """One batch, published and marked; how many rows. Where the bus cannot join, no transaction stays open while it is waited for."""
        if self._bus.joins_transactions:
            async with connection.transaction():
                return await self._send(connection, publish)
        return await self._send(connection, publish)

    async def _send(self, connection: asyncpg.Connection[asyncpg.Record], publish: Publish) -> int:
        rows = await connection.fetch(_UNSENT, self._batch_size)
        OLDEST.labels(self._service).set(rows[0]["age_seconds"] if rows else 0)
        if not rows:
            return 0
        with sending(_messages(rows)) as messages:
            async with asyncio.timeout(self._publish_seconds):
                await publish(messages, connection=connection)
        crash_point(f"{self._service}.after_publish")
        await connection.execute(_MARK, [row["id"] for row in rows])
        crash_point(f"{self._service}.after_mark")
        SENT.labels(self._service).inc(len(rows))
        return len(rows)

    @asynccontextmanager
    async def _listening(self, connection: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[None]:
        def wake(*_: object) -> None:
            self._woken.set()

        channel = f"outbox_{self._service}"
        await connection.add_listener(channel, wake)
        try:
            yield
        finally:
            if not connection.is_closed():
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await connection.remove_listener(channel, wake)

    def _failed(self, error: Exception) -> None:
        FAILURES.labels(self._service).inc()
        self._failures += 1
        if self._failures == 1:
            report = log.warning if is_transient(error) else log.error
            report("relay.failing", service=self._service, cause=repr(error), exc_info=not is_transient(error))

    def _recovered(self) -> None:
        if self._failures:
            log.info("relay.recovered", service=self._service, failures=self._failures)
        self._failures = 0


def _messages(rows: Sequence[asyncpg.Record]) -> list[Message]:
    """One message a route, in row order."""
    return [
        Message(topic, partition, row["key"], headers, row["value"])
        for row in rows
        for headers in (json.loads(row["headers"]),)
        for topic, partition in json.loads(row["routes"])
    ]
