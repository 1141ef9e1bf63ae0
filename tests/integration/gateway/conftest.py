"""The gateway on a real port, before tiny parts, opened and closed as the embedded exchange does it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from infra.embedded.composition import Part
from infra.embedded.door import bind, served
from infra.embedded.patience import Patience
from tests.unit.gateway.doubles import Exchange

SECONDS_TO_STOP = 60.0
Open = Callable[[Exchange], AbstractAsyncContextManager[int]]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange.make(joins_per_minute=2)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Serves an exchange while the block lasts; gives the port."""
    monkeypatch.setattr("infra.embedded.door.DRAIN_SECONDS", 30)

    @asynccontextmanager
    async def serving(exchange: Exchange) -> AsyncIterator[int]:
        with bind(0) as listener:
            async with served(Part("gateway", exchange.app), listener, Patience(SECONDS_TO_STOP)):
                yield listener.getsockname()[1]

    return serving


@pytest.fixture
async def port(exchange: Exchange, opened: Open) -> AsyncIterator[int]:
    async with opened(exchange) as port:
        yield port
