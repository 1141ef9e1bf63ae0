"""Partitions that wait after a failure that passes by itself: each with its own backoff, while the others go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kit.bus import TopicPartition
from kit.transient import backoff_seconds


@dataclass(frozen=True, slots=True)
class Hold:
    """failures: in a row. until: when it may be tried again, None while it is being tried. is_fenced: it has to be taken up anew first."""

    failures: int
    until: float | None
    is_fenced: bool


class Holds:
    """Times are seconds of any one clock that never goes back."""

    def __init__(self, longest_backoff_seconds: float) -> None:
        """Nothing waits yet."""
        self._longest = longest_backoff_seconds
        self._holds: dict[TopicPartition, Hold] = {}

    def add(self, partition: TopicPartition, now: float, *, is_fenced: bool) -> Hold:
        """One failure more."""
        failures = self._holds[partition].failures + 1 if partition in self._holds else 1
        hold = Hold(failures, now + backoff_seconds(failures, self._longest), is_fenced)
        self._holds[partition] = hold
        return hold

    def due(self, now: float) -> dict[TopicPartition, Hold]:
        """Those that have waited long enough."""
        return {partition: hold for partition, hold in self._holds.items() if hold.until is not None and hold.until <= now}

    def try_again(self, partition: TopicPartition) -> None:
        """It goes on; its failures are remembered until something succeeds."""
        self._holds[partition] = Hold(self._holds[partition].failures, None, is_fenced=False)

    def end(self, partitions: Iterable[TopicPartition]) -> bool:
        """Forget what was held against them; whether anything was."""
        ended = [self._holds.pop(one) for one in partitions if one in self._holds]
        return bool(ended)

    def seconds_to_next(self, now: float, at_most: float) -> float:
        """How long until one is due."""
        return max(0.0, min([at_most, *(hold.until - now for hold in self._holds.values() if hold.until is not None)]))
