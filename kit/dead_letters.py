"""Dead letters: what failed by itself, kept with its cause, to be read and replayed (invariant 7).

A replay publishes the same event, with the same id, to the partition it came from. Consumers guard by id and version, so it is
harmless to replay twice, or what has been handled in the meantime.
"""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from kit.bus import Bus, Message, Record

PREFIX = "dead-"
CAUSE_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What failed, where it came from, who failed and why. `position` is that of the letter, `source_position` that of the original."""

    position: int
    source_topic: str
    source_partition: int
    source_position: int
    consumer: str
    cause: str
    time: str
    key: str
    headers: dict[str, str]
    value: bytes


def letter(record: Record, *, topic: str, consumer: str, error: BaseException, now: datetime | None = None) -> Message:
    """The message that puts a record among the dead letters of `topic`."""
    return Message(
        topic=topic,
        partition=None,
        key=record.key,
        headers={
            **record.headers,
            "dead-cause": cause_of(error),
            "dead-topic": record.topic,
            "dead-partition": str(record.partition),
            "dead-position": str(record.position),
            "dead-consumer": consumer,
            "dead-time": (now or datetime.now(UTC)).isoformat(),
        },
        value=record.value,
    )


def cause_of(error: BaseException) -> str:
    """The error and the lines it passed, its end first; in characters that every bus can store."""
    text = "".join([*traceback.format_exception_only(error), *traceback.format_tb(error.__traceback__)[::-1]])
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()[:CAUSE_CHARACTERS].strip()


async def dead_letters(bus: Bus, topic: str) -> AsyncIterator[DeadLetter]:
    """All that the topic holds. Raises UnknownTopicError."""
    async for record in bus.browse(topic):
        yield _read(record)


async def show(bus: Bus, topic: str, position: int) -> DeadLetter:
    """One of them. Raises LookupError."""
    async for found in dead_letters(bus, topic):
        if found.position == position:
            return found
    raise LookupError(f"no dead letter {position} in {topic}")


async def replay(bus: Bus, letters: Iterable[DeadLetter]) -> int:
    """Publish them again where they came from; how many."""
    batch = [Message(one.source_topic, one.source_partition, one.key, one.headers, one.value) for one in letters]
    await bus.publish(batch)
    return len(batch)


def _read(record: Record) -> DeadLetter:
    headers = dict(record.headers)
    dead = {name: headers.pop(name) for name in list(headers) if name.startswith(PREFIX)}
    return DeadLetter(
        position=record.position,
        source_topic=dead["dead-topic"],
        source_partition=int(dead["dead-partition"]),
        source_position=int(dead["dead-position"]),
        consumer=dead["dead-consumer"],
        cause=dead["dead-cause"],
        time=dead["dead-time"],
        key=record.key,
        headers=headers,
        value=record.value,
    )
