"""The exchange's one open port, and the app behind it.

Load-bearing: the order of the end. The listener closes, then the app's own lifespan ends, which ends its streams, while the server still
waits for its connections; a server that waited for a live stream first would wait for ever.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from infra.embedded.composition import Part
from infra.embedded.patience import Patience
from infra.embedded.process import until

HOST = "127.0.0.1"
DRAIN_SECONDS = 1  # what still answers then is cut off
START_SECONDS = 10.0

log = structlog.get_logger()


class PortTakenError(RuntimeError):
    """Something else listens on the port."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the exchange's."""
        yield


def bind(port: int) -> socket.socket:
    """The port is ours from here on, and refuses connections until it is served. Raises PortTakenError."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # else asyncio, which asks, leaves Nagle on: 40 ms an answer
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise _port_error(port, error) from None
    return listener


def _port_error(port: int, error: OSError) -> PortTakenError:
    why = "is taken: something else serves there" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
    return PortTakenError(f"port {port} {why}. Choose another: make run PORT={port + 1 if port < 65535 else 8081}")


@asynccontextmanager
async def living(part: Part, patience: Patience) -> AsyncIterator[None]:
    """The part's lifespan; it may take as long to end as patience lasts."""
    lifespan = part.app.router.lifespan_context(part.app)
    await lifespan.__aenter__()
    try:
        yield
    finally:
        try:
            async with asyncio.timeout_at(patience.ends_at()):
                await lifespan.__aexit__(None, None, None)
        except TimeoutError:
            log.error("a part took too long to stop", part=part.name)


@asynccontextmanager
async def served(part: Part, listener: socket.socket, patience: Patience) -> AsyncIterator[asyncio.Task[None]]:
    """The part answers on the listener. Gives the task that serves: when it ends by itself, so must the exchange. Raises PortTakenError."""
    server = _Server(configuration(part.app, DRAIN_SECONDS))
    async with AsyncExitStack() as lifespan:
        await lifespan.enter_async_context(living(part, patience))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await until(lambda: server.started or serving.done(), START_SECONDS)
            if serving.done():
                _explain(serving, listener.getsockname()[1])
            yield serving
        finally:
            server.should_exit = True
            await lifespan.aclose()
            await asyncio.wait({serving})


def configuration(app: ASGIApp, finish_seconds: int, **more: Any) -> uvicorn.Config:
    """Of every server of ours: it speaks HTTP, and neither logs nor begins or ends anything by itself. more: uvicorn's own options."""
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=finish_seconds,
        **more,
    )


def _explain(serving: asyncio.Task[None], port: int) -> None:
    """Two that bind at once are told apart only when they listen."""
    error = serving.exception()
    if isinstance(error, OSError):
        raise _port_error(port, error) from None
    if error is not None:
        raise error
