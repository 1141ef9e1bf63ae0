"""One exchange for the suite, and one to kill for those who need it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.people import Member, join
from tests.e2e.running import Exchange


@pytest.fixture
def mortal() -> Iterator[Exchange]:
    """An exchange of one test's own. Its folder may be entered by an unprivileged server."""
    folder = Path(tempfile.mkdtemp(prefix="ayni-e2e-"))
    folder.chmod(0o755)
    exchange = Exchange(folder)
    yield exchange
    exchange.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    folder = Path(tempfile.mkdtemp(prefix="ayni-e2e-"))
    folder.chmod(0o755)
    exchange = Exchange(folder)
    with exchange.start() as client:
        yield client
    exchange.stop()
    shutil.rmtree(folder)


@pytest.fixture
def holder(http: httpx.Client) -> Member:
    return join(http)


@pytest.fixture
def seeker(http: httpx.Client) -> Member:
    return join(http, "cooperative", -12.2, -76.95)
