"""aiokafka's storm in the log is one line a change of state."""

from __future__ import annotations

import asyncio
import logging

import pytest
import structlog

from kit.bus_kafka.quiet import LOGGER, Reducer, quieten


def said(text: str) -> logging.LogRecord:
    """A word of the client."""
    return logging.LogRecord(LOGGER, logging.ERROR, __file__, 1, text, None, None)


async def until(lines: list[structlog.typing.EventDict], count: int) -> None:
    """So many lines; bounded."""
    async with asyncio.timeout(10):
        while len(lines) < count:
            await asyncio.to_thread(len, lines)


@pytest.mark.asyncio(loop_scope="function")  # on the suite's loop, other tests' clients may find calm meanwhile
async def test_trouble_is_told_once_and_calm_once_whatever_is_said_in_between() -> None:
    reducer = Reducer(calm_seconds=0.05)
    with structlog.testing.capture_logs() as lines:
        for _ in range(1500):
            reducer.emit(said("Unable to connect"))
        await until(lines, 2)
        reducer.emit(said("Failed fetch"))
        await until(lines, 4)

    assert [(line["event"], line.get("said"), line.get("words")) for line in lines] == [
        ("kafka.client_troubled", "Unable to connect", None),
        ("kafka.client_calm", None, 1500),
        ("kafka.client_troubled", "Failed fetch", None),
        ("kafka.client_calm", None, 1),
    ]


def test_a_loop_that_ended_in_trouble_does_not_silence_the_next_one() -> None:
    reducer = Reducer(calm_seconds=60)

    async def speak() -> None:
        reducer.emit(said("Unable to connect"))

    with structlog.testing.capture_logs() as lines:
        asyncio.run(speak())
        asyncio.run(speak())

    assert [line["event"] for line in lines] == ["kafka.client_troubled"] * 2


def test_what_is_said_while_no_loop_runs_is_let_go() -> None:
    with structlog.testing.capture_logs() as lines:
        Reducer().emit(said("Unclosed"))

    assert lines == []


def test_the_client_is_silenced_once_however_often_it_is_asked_for() -> None:
    quieten()
    quieten()

    assert [type(one) for one in logging.getLogger(LOGGER).handlers].count(Reducer) == 1
    assert not logging.getLogger(LOGGER).propagate
