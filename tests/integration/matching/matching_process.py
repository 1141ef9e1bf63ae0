"""A process of matching to be stopped, continued and killed. Arguments: JSON with `dsn` and `listings` (an address);
after how many silent seconds the bus takes it for dead.

It says on stdout at which address it answers, and stops at SIGTERM or with its parent.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack

from contracts.catalogue import load_catalogue
from infra.embedded.composition import Part
from infra.embedded.door import bind, served
from infra.embedded.patience import Patience
from infra.embedded.process import end_with_parent
from kit.bus_postgres import PostgresBus
from kit.forwarding_http import HttpPart, HttpParts
from kit.telemetry import configure_logging
from services.matching.app import create_app
from services.matching.settings import MatchingSettings
from tests.integration.matching.neighbours import TOKEN

SECONDS_TO_STOP = 5.0


async def main(given: dict[str, str], session_seconds: float) -> None:
    """Until it is told to stop."""
    is_over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, is_over.set)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(bind(0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        bus = PostgresBus(given["dsn"], session_timeout_seconds=session_seconds)
        await bus.start()
        stack.push_async_callback(bus.stop)
        others = await stack.enter_async_context(HttpParts())
        listings = await stack.enter_async_context(HttpPart([given["listings"]]))
        settings = MatchingSettings.model_validate(
            {"database_url": given["dsn"], "internal_token": TOKEN, "pool_size": 6, "address": address}
        )
        app = create_app(settings, bus, load_catalogue(), listings, part_at=others.at)
        await stack.enter_async_context(served(Part("matching", app), listener, Patience(SECONDS_TO_STOP)))
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        await is_over.wait()


if __name__ == "__main__":
    end_with_parent(signal.SIGKILL)
    configure_logging("WARNING")
    asyncio.run(main(json.loads(sys.argv[1]), float(sys.argv[2])))
