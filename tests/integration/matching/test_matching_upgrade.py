"""A message of a newer release is parked, not dropped, stops nothing meanwhile, and is taken up after an upgrade."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from contracts.envelope import EVENT_TYPES
from contracts.listings import OfferEvent
from contracts.topics import dead_letters_of
from kit.dead_letters import DeadLetter, dead_letters
from kit.ids import new_id
from tests.integration.matching.processes import Market
from tests.patience import until_found
from tests.unit.matching.trading import CATALOGUE, NOW, changed, event_of, offer, want

TEXTILE = CATALOGUE.partitions["textile"]


class NewerOfferPublished(OfferEvent):
    """Of a release to come."""


NewerOfferPublished.TYPE = "pe.ayni.offer.published.v2"


async def letters(market: Market) -> list[DeadLetter]:
    return [one async for one in dead_letters(market.standing.bus, dead_letters_of("matching"))]


async def test_an_event_of_a_newer_type_is_parked_and_taken_up_once_by_a_release_that_knows_it(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, newer, wanted = offer(), offer(), want()
    ahead = NewerOfferPublished(id=new_id(), time=NOW, subject=str(newer.id), version=1, data=newer)
    async with AsyncExitStack() as stack:
        old = await market.process()
        stack.push_async_callback(old.stop)
        await market.standing.publish(ahead, partitions=[TEXTILE])
        await market.publish(event_of(wanted), event_of(known))
        await market.standing.handled()
        assert {pair for pair, _ in await market.standing.told()} == {(known.id, wanted.id)}, "what comes behind it is matched"
        (parked,) = await letters(market)
        assert (parked.error, parked.headers["ce_type"], parked.value) == ("UnknownEventTypeError", ahead.TYPE, ahead.value())

    monkeypatch.setitem(EVENT_TYPES, ahead.TYPE, NewerOfferPublished)
    new = await market.process()
    await market.standing.committed(ahead)
    await market.standing.handled()
    assert {pair for pair, _ in await market.standing.told()} == {(known.id, wanted.id), (newer.id, wanted.id)}
    (parked,) = await letters(market)
    assert parked.replayed is not None

    await new.stop()
    end = await market.standing.end(TEXTILE)
    again = await market.process()
    await market.publish(event_of(changed(known)))
    await market.standing.handled()
    assert await market.standing.end(TEXTILE) == end + 1, "what was taken up once is left alone"
    await again.stop()


async def test_what_is_no_event_at_all_stays_among_the_dead_letters(market: Market) -> None:
    process = await market.process()
    broken = event_of(offer())
    await market.standing.bus.publish([market.standing.message(broken, TEXTILE, value=b'{"id": 1}')])
    await until_found(lambda: letters(market), "it is buried")
    await process.stop()
    await market.process()
    await market.publish(event_of(want()))
    await market.standing.handled()
    (letter,) = await letters(market)
    assert letter.replayed is None
