"""Messages and records as they cross the wire: keys and headers are UTF-8."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kit.bus import Message, Record


def headers_of(message: Message) -> list[tuple[str, bytes]]:
    """As aiokafka takes them. CloudEvents' Kafka binding in binary mode is just this: `ce_*` and `content-type`."""
    return [(name, value.encode()) for name, value in message.headers.items()]


def record_of(found: Any) -> Record:
    """What aiokafka delivered. Bytes that are no UTF-8 are a reader's problem to find: they must not stop the partition."""
    return Record(
        topic=found.topic,
        partition=found.partition,
        position=found.offset,
        key=_text(found.key),
        headers=_headers(found.headers),
        value=found.value or b"",
        time=datetime.fromtimestamp(found.timestamp / 1000, UTC),
    )


def _headers(found: Any) -> Mapping[str, str]:
    return {name: _text(value) for name, value in found}


def _text(found: bytes | None) -> str:
    return (found or b"").decode("utf-8", "replace")
