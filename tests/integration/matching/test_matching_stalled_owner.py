"""Invariant 4 with the owner of design.md that stalls before its commit, in the three places, and the control: without the fence a match
is missed, and nobody notices."""

from __future__ import annotations

import asyncio

import pytest

from contracts.envelope import Event
from tests.integration.matching.owners import Owner, Stall, Standing
from tests.patience import PATIENCE_SECONDS
from tests.unit.matching.trading import CATALOGUE, HOLDER, event_of, offer, want

PLACES = ("before_fence", "inside_copy", "before_commit")
HOLDING = PLACES[1:]  # here the stalled owner holds its row of partition_owner
TEXTILE = CATALOGUE.partitions["textile"]


async def stalled_and_followed(standing: Standing, place: str, *, is_fenced: bool) -> tuple[Owner, Owner, Event, Event]:
    """A first owner stalls over an offer; a second takes its partitions over and rebuilds; only then the first comes back to life, and
    only when that is through the second gets the offer again. Then a want is published that fits."""
    stall, gate = Stall(place), Stall("before_fence")
    offered, early, late = event_of(offer()), event_of(want()), event_of(want())
    first = await standing.owner("first", is_fenced=is_fenced)
    await standing.publish(early)
    await standing.handled()
    first.freezes, first.handler.at = True, stall
    first.has_outcome.clear()
    await standing.publish(offered)
    await asyncio.wait_for(stall.reached.wait(), PATIENCE_SECONDS)
    await standing.cut_off()
    second = await standing.owner("second", at=gate, is_fenced=is_fenced)
    await asyncio.wait_for(gate.reached.wait(), PATIENCE_SECONDS)
    stall.let_go.set()
    await asyncio.wait_for(first.has_outcome.wait(), PATIENCE_SECONDS)
    await first.end()
    gate.let_go.set()
    await standing.publish(late)
    await standing.committed(late)
    await standing.handled()
    return first, second, offered, late


@pytest.mark.parametrize("place", PLACES)
async def test_a_former_owner_cannot_commit_and_its_successor_misses_no_match(standing: Standing, place: str) -> None:
    first, second, offered, late = await stalled_and_followed(standing, place, is_fenced=True)
    assert first.outcomes[-1] is not None, "the stalled owner has committed"
    pair = (offered.data.id, late.data.id)  # type: ignore[attr-defined]
    told = await standing.told()
    assert told[pair, HOLDER] == 1
    assert max(told.values()) == 1
    assert len(told) == 4, "two pairs, both sides"
    market = second.ownership.markets[TEXTILE]
    assert late.data.id in market.ranking(offered.data, "textile").ids  # type: ignore[attr-defined,arg-type]


@pytest.mark.parametrize("place", PLACES)
async def test_without_the_fence_the_match_is_missed(standing: Standing, place: str) -> None:
    first, second, offered, late = await stalled_and_followed(standing, place, is_fenced=False)
    assert first.outcomes[-1] is None, "nothing hindered the stalled owner"
    pair = (offered.data.id, late.data.id)  # type: ignore[attr-defined]
    assert await standing.pool.fetchval("select count(*) from standing where listing_id = $1", pair[0]) == 1, "the offer is handled"
    assert (await standing.told())[pair, HOLDER] == 0, "and its match with the want that came later is told to nobody"
    assert pair[0] not in second.ownership.markets[TEXTILE].facts


@pytest.mark.parametrize("place", HOLDING)
async def test_a_former_owner_in_the_middle_of_its_transaction_is_ended(standing: Standing, place: str) -> None:
    stall = Stall(place)
    first = await standing.owner("first")
    await standing.publish(event_of(want()))
    await standing.handled()
    first.freezes, first.handler.at = True, stall
    await standing.publish(event_of(offer()))
    await asyncio.wait_for(stall.reached.wait(), PATIENCE_SECONDS)
    epoch = first.ownership.epochs[TEXTILE]
    await standing.cut_off()
    second = await standing.owner("second")
    await standing.handled()
    assert second.ownership.epochs[TEXTILE] == epoch + 1
    stall.let_go.set()
    assert len(await standing.told()) == 2
