"""Five mistakes that systems like ours are known for (reliability.md, section 0), planted in a process of the harness: the controls.

A harness that finds nothing proves nothing until it has found these. None of it can be reached from the product: the zygote calls `plant`
before the part is made. `stall` is no mistake but a fault, which the fence must survive: an owner stops in the middle of a transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Collection
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.event import listen
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from kit import relay
from kit.consumer import ConsumerLoop
from kit.outbox import outbox_values
from services.listings.service import telling
from services.matching import reactions
from services.matching.reactions import StandingHandler
from services.notifications.repository import feed

MISTAKES = ("inbox_off", "offsets_first", "relay_by_id", "outside_transaction", "fence_off")
STALL = "stall"
TROUBLE = "CHAOS_TROUBLE"  # names a file that is there while faults are wanted: what heals must not be hurt again
STALLED = ".stalled"  # beside it, while somebody is stalled in the middle: one at a time, or nobody is left to take over
STALLS_IN = 100  # one batch in so many
LINGERS_SECONDS = 0.1
DIES_IN = 50  # one commit in so many


def plant(names: Collection[str]) -> None:
    """Raises KeyError for one that does not exist."""
    for name in names:
        PLANTS[name]()


def _dies_now_and_then() -> None:
    """Just here: where a kill of the nemesis rarely comes."""
    if random.random() < 1 / DIES_IN and Path(os.environ[TROUBLE]).exists():
        os.kill(os.getpid(), signal.SIGKILL)


def inbox_off() -> None:
    """Whatever is delivered again is new: nobody looks at what was seen, and the feed's own key is gone (run.py drops it)."""

    async def everything(_: Any, __: str, event_ids: Any) -> set[Any]:
        return set(event_ids)

    async def nothing_known(_: Any, __: Any) -> feed.Known:
        return feed.Known(frozenset(), {})

    reactions.unseen = everything
    feed.known_of = nothing_known


def offsets_first() -> None:
    """At most once: a position is committed before its records are handled."""

    handled = ConsumerLoop._take

    async def take(self: Any, partition: Any, records: Any) -> None:
        with contextlib.suppress(Exception):
            await self._consumer.commit({partition: records[-1].position + 1})
        _dies_now_and_then()
        await handled(self, partition, records)

    ConsumerLoop._take = take  # type: ignore[method-assign]


def relay_by_id() -> None:
    """The relay remembers the last id that it sent: what commits later with a lower one is never sent."""

    async def send(self: Any, connection: Any, publish: Any) -> int:
        if not hasattr(self, "last"):
            self.last = await connection.fetchval("select coalesce(max(id), 0) from outbox where sent_at is not null")
        query = relay._UNSENT.replace("sent_at is null", "sent_at is null and id > $2")
        rows = await connection.fetch(query, self._batch_size, self.last)
        if not rows:
            return 0
        await publish(relay._messages(rows), connection=connection)
        await connection.execute(relay._MARK, [row["id"] for row in rows])
        self.last = rows[-1]["id"]
        return len(rows)

    recorded = telling.record

    async def record(session: AsyncSession, event: Any, routes: Any) -> None:
        """Ids are taken in one order and committed in another: so it goes where several write."""
        await recorded(session, event, routes)
        await asyncio.sleep(random.uniform(0, LINGERS_SECONDS))

    relay.Relay._send = send  # type: ignore[method-assign]
    telling.record = record


def outside_transaction() -> None:
    """The dual write: what happened is committed first, then said, on a connection of its own."""

    async def record_all(session: AsyncSession, events: Any) -> None:
        session.sync_session.info.setdefault("said", []).extend(events)

    async def record(session: AsyncSession, event: Any, routes: Any) -> None:
        await record_all(session, [(event, routes)])

    async def say(events: Any) -> None:
        connection = await asyncpg.connect(os.environ["AYNI_DATABASE_URL"])
        try:
            query = "insert into outbox (event_id, key, headers, value, routes) values ($1, $2, $3::jsonb, $4, $5::jsonb)"
            await connection.executemany(query, [outbox_values(event, routes) for event, routes in events])
        finally:
            await connection.close()

    saying: set[asyncio.Task[None]] = set()

    def then_say(session: Session) -> None:
        if events := session.info.pop("said", None):
            _dies_now_and_then()
            task = asyncio.get_running_loop().create_task(say(events))
            saying.add(task)
            task.add_done_callback(saying.discard)

    telling.record, telling.record_all = record, record_all
    listen(Session, "after_commit", then_say)


def fence_off() -> None:
    """A former owner's commit is taken."""

    async def no_fence(_: Any, __: Any, ___: int) -> None:
        return None

    global STALLS_IN
    STALLS_IN = 10  # it shows only where somebody stalls
    StandingHandler._fence = no_fence  # type: ignore[method-assign]


def stall() -> None:
    """Now and then an owner stops between its effect and its commit, for longer than its session.

    Not inside COPY: in so long a stall PostgreSQL gives the statement up (test_matching_stalled_owner.py has that place, for shorter)."""

    begin = StandingHandler.__init__
    trouble = Path(os.environ[TROUBLE])
    stalled = trouble.with_suffix(STALLED)

    def is_alone() -> bool:
        with contextlib.suppress(FileExistsError):
            if trouble.exists():
                stalled.touch(exist_ok=False)
                return True
        return False

    def stalling(self: Any, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        there = self.at

        async def at(name: str) -> None:
            await there(name)
            if name == "before_commit" and random.random() < 1 / STALLS_IN and is_alone():
                os.kill(os.getpid(), signal.SIGSTOP)

        self.at = at

    StandingHandler.__init__ = stalling  # type: ignore[method-assign]


PLANTS = {
    "inbox_off": inbox_off,
    "offsets_first": offsets_first,
    "relay_by_id": relay_by_id,
    "outside_transaction": outside_transaction,
    "fence_off": fence_off,
    STALL: stall,
}
