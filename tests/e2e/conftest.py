"""One exchange for each file, whatever else runs, and one to kill for those who need it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.people import Member, join
from tests.e2e.running import Exchange


@contextmanager
def new_exchange() -> Iterator[Exchange]:
    """One that is not started. Its folder may be entered by an unprivileged server."""
    folder = Path(tempfile.mkdtemp(prefix="ayni-e2e-"))
    folder.chmod(0o755)
    exchange = Exchange(folder)
    try:
        yield exchange
    finally:
        exchange.stop()
        shutil.rmtree(folder)


@pytest.fixture
def mortal() -> Iterator[Exchange]:
    """An exchange of one test's own."""
    with new_exchange() as exchange:
        yield exchange


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with new_exchange() as exchange:
        yield exchange


@pytest.fixture(scope="module")
def http(exchange: Exchange) -> Iterator[httpx.Client]:
    with exchange.start() as client:
        yield client


@pytest.fixture
def holder(http: httpx.Client) -> Member:
    return join(http)


@pytest.fixture
def seeker(http: httpx.Client) -> Member:
    return join(http, "cooperative", -12.2, -76.95)
