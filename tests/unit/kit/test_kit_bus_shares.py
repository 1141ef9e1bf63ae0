"""Shares of a group: fair, complete, and with few moves."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from kit.bus import TopicPartition
from kit.bus_postgres.membership import Peer
from kit.bus_postgres.shares import quota, surplus, vacancies


def group(size: int) -> list[Peer]:
    """Members that all read topic t."""
    return [Peer(UUID(int=number), frozenset(["t"])) for number in range(size)]


@given(st.integers(1, 20), st.integers(1, 100))
def test_quotas_are_fair_and_add_up(members: int, partitions: int) -> None:
    quotas = [quota(group(members), UUID(int=number), "t", partitions) for number in range(members)]

    assert sum(quotas) == partitions
    assert max(quotas) - min(quotas) <= 1


def test_who_does_not_subscribe_is_due_nothing() -> None:
    peers = [*group(1), Peer(UUID(int=9), frozenset(["u"]))]

    assert quota(peers, UUID(int=9), "t", 4) == 0
    assert quota(peers, UUID(int=0), "t", 4) == 4


@given(st.sets(st.integers(0, 30)), st.integers(0, 31))
def test_a_member_gives_back_just_what_is_over_and_asks_for_just_what_is_missing(held_numbers: set[int], due: int) -> None:
    held = {TopicPartition("t", number) for number in held_numbers}

    over = surplus(held, {"t": due})
    missing = list(vacancies(held, {"t": due}, {"t": 31}))

    assert over <= held
    assert len(held - over) == min(len(held), due)
    assert (not over) or (not missing)
    for count, candidates in missing:
        assert count == due - len(held)
        assert not held & set(candidates)
        assert len(candidates) + len(held) == 31
