"""A gateway before tiny parts, with and without its lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.unit.gateway.doubles import Exchange


@pytest.fixture
def exchange() -> Exchange:
    return Exchange.make()


@pytest.fixture
async def living(exchange: Exchange) -> AsyncIterator[Exchange]:
    """Its tail follows the feed, and has begun to."""
    async with exchange.app.router.lifespan_context(exchange.app):
        await exchange.feed.polls.get()
        yield exchange


@pytest.fixture
async def http(exchange: Exchange) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in."""
    async with exchange.client() as client:
        yield client


@pytest.fixture
async def nobody(exchange: Exchange) -> AsyncIterator[httpx.AsyncClient]:
    async with exchange.client(is_signed_in=False) as client:
        yield client
