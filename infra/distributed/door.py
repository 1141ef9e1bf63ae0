"""The port of a process of its own: opened, drained, closed.

Load-bearing: the order of the end. First every answer says that it is the last of its connection, and `/readyz` that nobody should come,
while calls are still taken; callers keep no connection idle for as long as that (`IDLE_SECONDS` in kit/forwarding_http.py), so when the
listener closes, there is none left on which a call could be on its way to nobody. Then what waits is released, and what is in hand ends.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic

import structlog
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.distributed.notify import STOPPING, notify
from infra.distributed.parts import Process
from infra.distributed.settings import DoorSettings
from infra.embedded.door import PortTakenError, configuration
from infra.embedded.process import until
from kit.problems import Unavailable, answer

START_SECONDS = 10.0
QUIET_SECONDS = 0.3  # a connection that was taken last has said by then what it wants
CUT_OFF_SECONDS = 1  # uvicorn's own patience, after ours
KEEP_ALIVE_SECONDS = 75  # longer than load balancers, browsers and our own clients keep an idle connection
READY = "/readyz"

log = structlog.get_logger()


def listener_of(settings: DoorSettings, fd: int | None) -> socket.socket:
    """The one that we were given, or one of our own. Raises PortTakenError."""
    if fd is not None:
        return socket.socket(fileno=fd)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, proto=socket.IPPROTO_TCP)  # see bind in infra/embedded/door.py
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise PortTakenError(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}") from None
    return listener


class Doorman:
    """The outermost layer (pure ASGI): says of a process that is about to stop that it is, and lets nobody stay on a connection."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.is_closing = app, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        has_begun = False

        async def outward(message: Message) -> None:
            nonlocal has_begun
            if self.is_closing and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            has_begun = True
            await send(message)

        if self.is_closing and scope["path"] == READY:
            return await answer(Unavailable("not ready: stopping"))(scope, receive, outward)
        try:
            return await self.app(scope, receive, outward)
        except asyncio.CancelledError:
            work = asyncio.current_task()
            if work is None or has_begun or not self.is_closing:
                raise
            work.uncancel()
        return await answer(Unavailable("this process had to stop before it was done; look before you try again"))(scope, receive, outward)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours."""
        yield

    def refuse(self) -> None:
        """Take no new connection."""
        for server in self.servers:
            server.close()

    async def quiet(self, seconds: float) -> bool:
        """Whether nothing has been in hand for a moment, before the time is over."""
        since: float | None = None

        def is_quiet() -> bool:
            nonlocal since
            since = None if self.server_state.tasks else since or monotonic()
            return since is not None and (monotonic() - since >= QUIET_SECONDS or not self.server_state.connections)

        return await until(is_quiet, seconds)


@asynccontextmanager
async def opened(process: Process, listener: socket.socket, settings: DoorSettings) -> AsyncIterator[asyncio.Task[None]]:
    """The process answers. Gives the task that serves: when it ends by itself, so must the process. The end of the block drains."""
    doorman = Doorman(process.answering)
    server = _Server(_configuration(doorman, settings))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started or serving.done(), START_SECONDS)
        if serving.done():
            serving.result()
        yield serving
    finally:
        if server.started and not serving.done():
            await _drain(process, doorman, server, settings)
        server.should_exit = True
        await asyncio.wait({serving})


async def _drain(process: Process, doorman: Doorman, server: _Server, settings: DoorSettings) -> None:
    doorman.is_closing = True
    notify(STOPPING)
    log.info("stopping", part=process.name)
    await asyncio.sleep(settings.notice_seconds)
    server.refuse()
    process.release()
    if not await server.quiet(settings.finish_seconds):
        log.warning("cutting off what does not come to its end", part=process.name, calls=len(server.server_state.tasks))


def _configuration(app: ASGIApp, settings: DoorSettings) -> uvicorn.Config:
    return configuration(
        app,
        CUT_OFF_SECONDS,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
