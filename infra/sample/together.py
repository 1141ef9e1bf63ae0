"""Work beside other work, in tasks that end with the block that needs them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Does the work while the block runs, and ends it with the block. Raises the first error of either, alone."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def few_at_a_time(work: Iterable[Callable[[], Awaitable[None]]], at_once: int = 4) -> None:
    """All of it, so much of it at any time. Raises the first error, and begins nothing more then."""
    turns = asyncio.Semaphore(at_once)

    async def in_turn(one: Callable[[], Awaitable[None]]) -> None:
        async with turns:
            await one()

    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(in_turn(one))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
