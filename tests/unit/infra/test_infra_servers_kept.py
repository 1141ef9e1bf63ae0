"""A server that has ended is started again, however often that fails, and everybody who asks where it is is told when it is back."""

from __future__ import annotations

import asyncio

import pytest

from infra.distributed.servers import _kept
from infra.embedded.process import OwnServerError


class Server:
    """Ends by itself, and fails at being started a few times. One that could not be started says nothing when it is looked at."""

    def __init__(self, failing: int) -> None:
        self.failing, self.has_ended = failing, True
        self.said: list[str] = []
        self.is_back = asyncio.Event()

    def check(self) -> None:
        if self.has_ended:
            self.has_ended = False
            raise OwnServerError("it has ended by itself\nand its log says why")

    async def restart(self) -> None:
        if self.failing:
            self.failing -= 1
            raise OwnServerError("its port is taken")

    def changed(self) -> None:
        self.is_back.set()


@pytest.mark.parametrize("failing", [0, 1, 3])
async def test_it_is_tried_until_it_runs(failing: int) -> None:
    server = Server(failing)
    keeping = asyncio.create_task(_kept("PostgreSQL", server.check, server.restart, server.said.append, server.changed))
    async with asyncio.timeout(60):
        await server.is_back.wait()
    keeping.cancel()
    await asyncio.wait([keeping])

    assert server.failing == 0
    assert server.said[0] == "it has ended by itself; starting it again"
    assert server.said[1:] == [f"PostgreSQL: attempt {attempt} failed: its port is taken" for attempt in range(1, failing + 1)]
