"""Waiting partitions."""

from __future__ import annotations

import pytest

from kit.bus import TopicPartition
from kit.holds import Holds

ONE, OTHER = TopicPartition("sold", 0), TopicPartition("sold", 1)


def test_each_partition_waits_by_its_own_failures() -> None:
    holds = Holds(longest_backoff_seconds=5)
    holds.add(ONE, 10.0, is_fenced=False)
    holds.add(OTHER, 10.0, is_fenced=True)
    holds.add(OTHER, 10.0, is_fenced=True)

    assert set(holds.due(10.1)) == {ONE}
    assert set(holds.due(10.2)) == {ONE, OTHER}
    assert holds.due(10.2)[OTHER].is_fenced
    assert holds.seconds_to_next(10.05, at_most=1.0) == pytest.approx(0.05)
    assert holds.seconds_to_next(99.0, at_most=1.0) == 0.0


def test_failures_add_up_until_something_succeeds() -> None:
    holds = Holds(longest_backoff_seconds=5)
    holds.add(ONE, 0.0, is_fenced=False)
    holds.try_again(ONE)
    assert holds.due(99.0) == {}
    assert holds.add(ONE, 1.0, is_fenced=False).failures == 2

    assert holds.end([ONE, OTHER])
    assert not holds.end([ONE])
    assert holds.seconds_to_next(1.0, at_most=1.0) == 1.0
    assert holds.add(ONE, 2.0, is_fenced=False).failures == 1
