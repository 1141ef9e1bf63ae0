"""Readers that the contract suite polls with: they know the port and nothing of any adapter."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from kit.bus import Bus, CommitFailedError, Message, Record, TopicPartition
from tests.patience import PATIENCE_SECONDS

MakeTopic = Callable[[int], Awaitable[str]]


def message(topic: str, number: int, partition: int | None = 0, key: str | None = None) -> Message:
    """A message whose value is its number."""
    return Message(topic, partition, f"key-{number}" if key is None else key, {"ce_id": str(number)}, str(number).encode())


def numbers(records: Iterable[Record]) -> list[int]:
    """The numbers that `message` gave them, in the order read."""
    return [int(record.value) for record in records]


class Changes:
    """Lets a test wait until something is so, told of every change, with a bound and without sleeping."""

    def __init__(self) -> None:
        self._condition = asyncio.Condition()

    async def tell(self) -> None:
        """Something changed."""
        async with self._condition:
            self._condition.notify_all()

    async def until(self, is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._condition:
            await self._condition.wait_for(is_so)


class Ownership(Changes):
    """A listener that keeps what it was told."""

    def __init__(self, journal: list[tuple[str, str, frozenset[TopicPartition]]] | None = None, name: str = "") -> None:
        super().__init__()
        self.owned: set[TopicPartition] = set()
        self.journal = journal if journal is not None else []
        self.name = name

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """See Listener."""
        self.owned |= partitions
        self.journal.append((self.name, "assigned", partitions))
        await self.tell()

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """See Listener."""
        self.owned -= partitions
        self.journal.append((self.name, "revoked", partitions))
        await self.tell()


class Reader:
    """A member that polls in the background, keeps what it reads and commits it, unless told not to."""

    def __init__(
        self, bus: Bus, group: str, *topics: str, commits: bool = True, ownership: Ownership | None = None, max_records: int = 500
    ):
        self.changes = ownership or Ownership()
        self.consumer = bus.consumer(group, topics, self.changes)
        self.records: list[Record] = []
        self._commits, self._max_records = commits, max_records
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.consumer.start()
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_polling()
        await self.consumer.stop()

    async def stop_polling(self) -> None:
        """Stand still, and stay a member."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _read(self) -> None:
        while True:
            for partition, records in (await self.consumer.poll(1.0, self._max_records)).items():
                assert partition in self.changes.owned, "delivered before it was assigned"
                self.records += records
                if self._commits:
                    with suppress(CommitFailedError):
                        await self.consumer.commit({partition: records[-1].position + 1})
            await self.changes.tell()

    async def until(self, is_so: Callable[[Reader], bool]) -> None:
        """Wait for what was read or owned; a failed poll is the test's failure."""
        assert self._task is not None
        waiting = asyncio.create_task(self.changes.until(lambda: is_so(self)))
        await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            waiting.cancel()
            await self._task
        await waiting

    async def until_owning(self, partitions: int) -> None:
        """Wait until it owns just so many."""
        await self.until(lambda reader: len(reader.changes.owned) == partitions)


class ProcessMember:
    """bus_member.py, running."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, specification: dict[str, Any], group: str, topic: str) -> Self:
        """Start it; it joins by itself."""
        script = Path(__file__).parent / "bus_member.py"
        arguments = (sys.executable, str(script), json.dumps(specification), group, topic)
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()

    async def polled(self) -> dict[int, list[int]]:
        """The positions it read, by partition."""
        return {int(partition): positions for partition, positions in json.loads(await self._line()).items()}

    async def commit(self) -> str:
        """`committed`, or the name of the error."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"commit\n")
        await self._process.stdin.drain()
        return await self._line()

    def stall(self) -> None:
        """It stands still, its connections open."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """It goes on where it stood."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """No goodbye."""
        self._process.kill()

    async def _line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await self._process.stdout.readline()).decode().strip()
