"""A short run of the harness on every change; `make chaos` and `make chaos-controls` are the long ones."""

from __future__ import annotations

import asyncio

from tests.chaos.planted import STALL
from tests.chaos.run import Plan, carry_out

PLAN = Plan(seconds=20, seed=7, corners=6, plants=frozenset((STALL,)))


def test_under_kills_stalls_and_outages_nothing_is_lost_doubled_missed_or_promised_twice() -> None:
    figures, broken = asyncio.run(carry_out(PLAN))
    assert broken == {}, figures
    assert figures["faults"].keys() >= {"kill", "stall", "broker", "database", "poison", "repeat"}, "a fault that never came proves nothing"
    assert figures["events"] > 0
    assert figures["matches_told"] > 0
    assert figures["lists_read"] > 0
