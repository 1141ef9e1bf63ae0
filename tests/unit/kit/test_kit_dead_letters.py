"""What a dead letter says."""

from __future__ import annotations

from datetime import UTC, datetime

from kit.bus import Record
from kit.dead_letters import CAUSE_CHARACTERS, cause_of, letter

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def failed(text: str) -> Exception:
    """An error that has passed through a frame."""
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_a_letter_carries_the_record_as_it_was_and_where_it_came_from() -> None:
    record = Record("sold", 3, 41, "key", {"ce_id": "1"}, b"{", NOW)

    message = letter(record, topic="dead", consumer="group", error=failed("no end"), now=NOW)

    assert (message.topic, message.key, message.value, message.headers["ce_id"]) == ("dead", "key", b"{", "1")
    assert {name: message.headers[name] for name in ("dead-topic", "dead-partition", "dead-position", "dead-consumer", "dead-time")} == {
        "dead-topic": "sold",
        "dead-partition": "3",
        "dead-position": "41",
        "dead-consumer": "group",
        "dead-time": "2026-11-24T00:00:00+00:00",
    }


def test_a_cause_begins_with_the_error_and_can_be_stored_anywhere() -> None:
    cause = cause_of(failed("a\0b\ud800c" + "x" * 10_000))

    assert cause.startswith("ValueError: a\\0b\\ud800c")
    assert len(cause) <= CAUSE_CHARACTERS
    assert "in failed" in cause_of(failed("short"))
