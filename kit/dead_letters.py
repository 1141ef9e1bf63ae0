"""Dead letters: what failed by itself, kept with its cause, to be read and replayed (invariant 7).

A replay publishes the same event, with the same id, to the partition it came from. Consumers guard by id and version, so it is
harmless to replay twice, or what has been handled in the meantime. That it was replayed is noted in the same topic, by a record of its
own: a log forgets nothing when it is told to, only when its time has come.
"""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kit.bus import Bus, Message, Record

PREFIX = "dead-"
REPLAYED = "dead-replayed"
UNKNOWN = "?"
CAUSE_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What failed, where it came from, who failed and why. `position` is that of the letter, `source_position` that of the original.

    `replayed`: when it was last published again, None if never. Something that got into the topic by other hands has no known source."""

    topic: str
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
    replayed: str | None

    @property
    def has_source(self) -> bool:
        """Whether it can be published again."""
        return self.source_topic != UNKNOWN

    @property
    def error(self) -> str:
        """The name of the error's class."""
        return self.cause.partition(":")[0].rpartition(".")[2]

    @property
    def source(self) -> tuple[str, str, int, int]:
        """Who failed at which record: what makes two letters the same."""
        return self.consumer, self.source_topic, self.source_partition, self.source_position


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
    """All that the topic holds, each once: one that was buried again after a kill is the same. Raises UnknownTopicError."""
    replayed = {record.headers[REPLAYED]: _when(record) async for record in bus.browse(topic) if REPLAYED in record.headers}
    seen: set[tuple[str, str, int, int]] = set()
    async for record in bus.browse(topic):
        if REPLAYED in record.headers:
            continue
        found = _read(record, replayed.get(str(record.position)))
        if not found.has_source or found.source not in seen:
            seen.add(found.source)
            yield found


async def show(bus: Bus, topic: str, position: int) -> DeadLetter:
    """One of them. Raises LookupError."""
    async for found in dead_letters(bus, topic):
        if found.position == position:
            return found
    raise LookupError(f"no dead letter {position} in {topic}")


async def replay(bus: Bus, letters: Sequence[DeadLetter], now: datetime | None = None) -> int:
    """Publish those that have a source again where they came from, and note it; how many."""
    known = [one for one in letters if one.has_source]
    time = (now or datetime.now(UTC)).isoformat()
    again = [Message(one.source_topic, one.source_partition, one.key, one.headers, one.value) for one in known]
    notes = [Message(one.topic, None, one.key, {REPLAYED: str(one.position), "dead-time": time}, b"") for one in known]
    await bus.publish([*again, *notes])
    return len(known)


def _read(record: Record, replayed: str | None) -> DeadLetter:
    headers = dict(record.headers)
    dead = {name: headers.pop(name) for name in list(headers) if name.startswith(PREFIX)}
    return DeadLetter(
        topic=record.topic,
        position=record.position,
        source_topic=dead.get("dead-topic", UNKNOWN),
        source_partition=int(dead.get("dead-partition", 0)),
        source_position=int(dead.get("dead-position", 0)),
        consumer=dead.get("dead-consumer", UNKNOWN),
        cause=dead.get("dead-cause", "nobody said why"),
        time=_when(record),
        key=record.key,
        headers=headers,
        value=record.value,
        replayed=replayed,
    )


def _when(record: Record) -> str:
    return record.headers.get("dead-time") or record.time.isoformat()
