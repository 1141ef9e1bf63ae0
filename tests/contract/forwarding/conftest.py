"""The gateway before tiny parts, in one process and over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import httpx
import pytest
from forwarding_adapters import Make, Standing, standing
from starlette.types import ASGIApp

from kit.forwarding import AsgiPart, Part
from kit.forwarding_http import HttpPart
from tests.unit.gateway.doubles import Exchange

PARTS = ("listings", "matching", "notifications")


@pytest.fixture(scope="session")
async def ports() -> AsyncIterator[Mapping[str, Standing]]:
    """A port a part, for all tests."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(standing(name)) for name in PARTS}


@pytest.fixture(params=["in one process", "over HTTP"])
async def make(request: pytest.FixtureRequest, ports: Mapping[str, Standing]) -> AsyncIterator[Make]:
    """Makes an exchange whose parts are called in the one way or in the other."""
    calls = {name: HttpPart([port.address]) for name, port in ports.items()}

    def reached(name: str, app: ASGIApp) -> Part:
        if request.param == "in one process":
            return AsgiPart(app)
        ports[name].app = app
        return calls[name]

    async with AsyncExitStack() as stack:
        for part in calls.values():
            await stack.enter_async_context(part)
        yield lambda **settings: Exchange.make(reached, **settings)


@pytest.fixture
def exchange(make: Make) -> Exchange:
    return make()


@pytest.fixture
async def http(exchange: Exchange) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in."""
    async with exchange.client() as client:
        yield client
