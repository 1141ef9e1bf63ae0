"""One part as a process of its own: begun in order, ended in the opposite order, within 10 s whatever it still does.

Load-bearing: what is not there yet (the database, the broker) is waited for here, with one line in the log, so that the order in which
processes start does not matter and none of them restarts in a circle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import structlog

from infra.distributed.door import listener_of, opened
from infra.distributed.notify import READY, notify
from infra.distributed.parts import Process, build
from infra.distributed.settings import DoorSettings, told
from infra.embedded.exchange import ended_by_signals
from infra.embedded.patience import Patience
from kit.bus import Bus
from kit.transient import backoff_seconds, is_transient

END_SECONDS = 3.4  # the lifespan's and the buses' end: a consumer finishes its batch, at most 3 s

log = structlog.get_logger()
Begin = Callable[[], AbstractAsyncContextManager[Any]]


async def serve(name: str, fd: int | None = None) -> None:
    """Serves the part until a signal ends it; on fd, a listening socket, where one is given. Raises PortTakenError, ValidationError,
    SampleSecretError."""
    settings, process, patience = told(DoorSettings), build(name), Patience(END_SECONDS)
    with listener_of(settings, fd) as listener, ended_by_signals():
        async with AsyncExitStack() as stack:
            for calls in process.calls:
                await stack.enter_async_context(calls)
            for bus in process.buses:
                await stack.enter_async_context(_begun(process, partial(_started, bus), patience))
            await stack.enter_async_context(_begun(process, partial(process.app.router.lifespan_context, process.app), patience))
            serving = await stack.enter_async_context(opened(process, listener, settings))
            notify(READY)
            log.info("serves", part=name, port=listener.getsockname()[1])
            await asyncio.wait({serving})
            serving.result()


@asynccontextmanager
async def _begun(process: Process, begin: Begin, patience: Patience) -> AsyncIterator[None]:
    """What `begin` gives, entered as soon as the servers behind it are there; its end may take as long as patience lasts."""
    attempt = 0
    while True:
        context = begin()
        try:
            await context.__aenter__()
            break
        except Exception as error:
            if not is_transient(error):
                raise
            attempt += 1
            if attempt == 1:
                log.warning("waiting for a server that this part needs", part=process.name, cause=str(error) or type(error).__name__)
            await asyncio.sleep(backoff_seconds(attempt))
    if attempt:
        log.info("what was missing is there", part=process.name, attempts=attempt)
    try:
        yield
    finally:
        try:
            async with asyncio.timeout_at(patience.ends_at()):
                await context.__aexit__(None, None, None)
        except TimeoutError:
            log.error("it took too long to stop", part=process.name)


@asynccontextmanager
async def _started(bus: Bus) -> AsyncIterator[None]:
    await bus.start()
    try:
        yield
    finally:
        await bus.stop()
