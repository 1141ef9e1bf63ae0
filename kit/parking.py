"""Messages of a newer release: parked among the dead letters, and taken up by themselves when a release knows their type.

A rolling upgrade may bring a publisher first. What its reader does not know yet must stop nothing (invariant 7), and must not be lost
either. It may come late: every event carries its subject's whole state and version, so what was passed meanwhile changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container

import structlog

from kit.bus import Bus
from kit.dead_letters import dead_letters, replay
from kit.transient import backoff_seconds

log = structlog.get_logger(__name__)
TYPE = "ce_type"


async def take_up(bus: Bus, topic: str, unknown: type[Exception], known: Container[str]) -> int:
    """Publishes again what died of `unknown` and is of a known type now, each once; how many. Raises what the bus raises."""
    found = [one async for one in dead_letters(bus, topic)]
    parked = [one for one in found if one.replayed is None and one.error == unknown.__name__ and one.headers.get(TYPE) in known]
    return await replay(bus, parked) if parked else 0


async def keep_taking_up(bus: Bus, topic: str, unknown: type[Exception], known: Container[str]) -> None:
    """`take_up` once, as soon as the bus can be reached: what is known changes with the release. Then rests until cancelled."""
    attempt = 0
    while True:
        try:
            taken = await take_up(bus, topic, unknown, known)
            break
        except Exception as error:
            attempt += 1
            if attempt == 1:
                log.warning("parking.not_reached", topic=topic, cause=repr(error))
            await asyncio.sleep(backoff_seconds(attempt))
    if taken:
        log.info("parking.taken_up", topic=topic, events=taken)
    await asyncio.Event().wait()
