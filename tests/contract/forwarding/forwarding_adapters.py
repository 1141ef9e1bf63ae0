"""Parts behind real ports, opened as a process of its own opens its port, for one suite over both ways to call a part."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.distributed.door import listener_of, opened
from infra.distributed.parts import Process
from infra.distributed.settings import DoorSettings
from kit.forwarding_http import EndedByCaller
from tests.unit.gateway.doubles import Exchange

Make = Callable[..., Exchange]
AT_ONCE: dict[str, Any] = {"port": 0, "notice_seconds": 0, "finish_seconds": 0}


class Standing:
    """What a port serves, changed from test to test; `address` is where."""

    def __init__(self) -> None:
        self.app: ASGIApp = FastAPI()
        self.address = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@asynccontextmanager
async def standing(name: str) -> AsyncIterator[Standing]:
    """A part's port."""
    served, settings = Standing(), DoorSettings(**AT_ONCE)
    process = Process(name, FastAPI(), EndedByCaller(served))
    with listener_of(settings, None) as listener:
        async with opened(process, listener, settings):
            served.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            yield served
