"""Dead letters over each bus, as an operator reads them: what was replayed is known, and what got in by other hands stops nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from bus_readers import MakeTopic

from kit.bus import Bus, Message, Record
from kit.dead_letters import DeadLetter, dead_letters, letter, replay

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def buried(dead: str, topic: str, number: int) -> Message:
    """A record of the topic among the dead letters."""
    record = Record(topic, 1, number, f"key-{number}", {"ce_id": str(number)}, b"{}", NOW)
    return letter(record, topic=dead, consumer="group", error=ValueError("no such material"), now=NOW)


async def letters(bus: Bus, dead: str) -> list[DeadLetter]:
    return [one async for one in dead_letters(bus, dead)]


async def test_what_was_replayed_is_known_as_replayed_and_stays(bus: Bus, make_topic: MakeTopic) -> None:
    topic, dead = await make_topic(2), await make_topic(1)
    await bus.publish([buried(dead, topic, number) for number in range(3)])
    first, second, _ = await letters(bus, dead)

    assert await replay(bus, [first, second], NOW) == 2
    assert await replay(bus, [first], NOW) == 1

    assert [one.replayed for one in await letters(bus, dead)] == [NOW.isoformat(), NOW.isoformat(), None]
    again = [(record.partition, record.key, dict(record.headers)) async for record in bus.browse(topic)]
    assert again == [(1, "key-0", {"ce_id": "0"}), (1, "key-1", {"ce_id": "1"}), (1, "key-0", {"ce_id": "0"})]


async def test_what_is_no_letter_is_shown_and_never_replayed(bus: Bus, make_topic: MakeTopic) -> None:
    topic, dead = await make_topic(2), await make_topic(1)
    await bus.publish([Message(dead, None, "stray", {"ce_id": "1"}, b"?"), buried(dead, topic, 1)])

    found = await letters(bus, dead)

    assert [one.has_source for one in found] == [False, True]
    assert await replay(bus, found, NOW) == 1
    assert [record.key async for record in bus.browse(topic)] == ["key-1"]
