"""Who has the turn, the reader or the group: a member's partitions change only while it has no records in hand.

Load-bearing: aiokafka rebalances in the background and beats no heart while `on_partitions_assigned` runs. So that call only pauses what is
new and leaves the rest to a task of ours: records are let through when the listener is ready, however long that takes. It swallows a
listener's errors, too; here they are kept, and raised by the next poll.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Any

from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.structs import TopicPartition as KafkaPartition

from kit.bus import Listener, TopicPartition


class Turns:
    """Between one client of aiokafka, its reader and the listener."""

    def __init__(
        self,
        listener: Listener | None,
        pause: Callable[..., None],
        resume: Callable[..., None],
        count: Callable[[], None],
    ) -> None:
        """pause, resume: the client's own. count: called when partitions are given."""
        self._listener, self._pause, self._resume, self._count = listener, pause, resume, count
        self.owned: frozenset[TopicPartition] = frozenset()
        self.paused: set[TopicPartition] = set()
        self.failure: Exception | None = None
        self.is_joined = False
        self.commits = asyncio.Lock()  # held while a commit is on its way, so that no rebalance overtakes it
        self._empty_handed = asyncio.Event()
        self._empty_handed.set()
        self._telling = asyncio.Lock()
        self._taking_up: asyncio.Task[None] | None = None
        self._is_ended = False

    @property
    def is_changing(self) -> bool:
        """Whether the listener is being told of partitions that it gets."""
        return self._taking_up is not None and not self._taking_up.done()

    @property
    def is_in_hand(self) -> bool:
        """Whether the reader has records that it has not come back from."""
        return not self._empty_handed.is_set()

    def hand_out(self) -> None:
        """The reader gets records: partitions stay where they are."""
        self._empty_handed.clear()

    def take_back(self) -> None:
        """The reader has handled what it had."""
        self._empty_handed.set()

    async def on_partitions_revoked(self, _: Collection[Any]) -> None:
        """aiokafka's call, before the member joins anew. Its heart beats meanwhile; the others wait for the rebalance timeout at most."""
        await self._empty_handed.wait()
        self.is_joined = False
        await self._revoke()

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """aiokafka's call. Not one `await` before the pause: nothing of these may be delivered yet."""
        self._pause(*assigned)
        self.is_joined = True
        self._count()
        self._taking_up = asyncio.create_task(self._take_up(assigned), name="taking up partitions")

    async def end(self) -> None:
        """The member leaves: what it owned is told revoked, once, and the listener hears nothing more."""
        self.take_back()
        if self._taking_up is not None:
            self._taking_up.cancel()
            await asyncio.wait([self._taking_up])
        await self._revoke()
        self._is_ended = True

    async def _take_up(self, assigned: Collection[Any]) -> None:
        async with self._telling:
            if self._is_ended:
                return
            self.paused.clear()
            self.owned = frozenset(TopicPartition(one.topic, one.partition) for one in assigned)
            try:
                if self._listener is not None and self.owned:
                    await self._listener.assigned(self.owned)
            except Exception as error:
                self.failure = error
                return
            self._resume(*(one for one in assigned if TopicPartition(one.topic, one.partition) not in self.paused))

    async def _revoke(self) -> None:
        """Whoever takes partitions up finishes first: the listener hears of both in order."""
        async with self._telling:
            if self._is_ended or not self.owned:
                return
            try:
                if self._listener is not None:
                    await self._listener.revoked(self.owned)
            except Exception as error:
                self.failure = error
            finally:
                async with self.commits:
                    self.owned = frozenset()


ConsumerRebalanceListener.register(Turns)


def kafka_partitions(partitions: Iterable[TopicPartition]) -> list[Any]:
    """In aiokafka's words."""
    return [KafkaPartition(one.topic, one.partition) for one in partitions]
