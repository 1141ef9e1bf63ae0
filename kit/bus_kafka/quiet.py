"""aiokafka's log in one line a change of state: it says the same of every failed fetch, 1,500 lines a minute while a broker is down.

What matters of it reaches our loops as an error, or as no progress, and is logged there. Here remains that the client has trouble, the
first thing it said, and that it has said nothing more for a while.
"""

from __future__ import annotations

import asyncio
import logging

import structlog

log = structlog.get_logger(__name__)

CALM_SECONDS = 10.0
LOGGER = "aiokafka"


class Reducer(logging.Handler):
    """Takes all that aiokafka logs at warning and above."""

    def __init__(self, calm_seconds: float = CALM_SECONDS) -> None:
        """calm_seconds: without a word, and the trouble is over."""
        super().__init__(logging.WARNING)
        self._calm_seconds = calm_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._words = 0
        self._last = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """The first word of a trouble is told; the rest is counted."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # said while no loop runs: by a finaliser
            return
        self._words = self._words + 1 if loop is self._loop else 1  # a loop that was closed never found calm
        self._loop, self._last = loop, loop.time()
        if self._words == 1:
            log.warning("kafka.client_troubled", said=record.getMessage(), by=record.name)
            loop.call_later(self._calm_seconds, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        remaining = self._last + self._calm_seconds - loop.time()
        if remaining > 0:
            loop.call_later(remaining, self._look, loop)
            return
        log.info("kafka.client_calm", words=self._words)
        self._words = 0


def quieten() -> None:
    """For the process. Harmless when repeated."""
    logger = logging.getLogger(LOGGER)
    if not any(isinstance(one, Reducer) for one in logger.handlers):
        logger.addHandler(Reducer())
        logger.propagate = False
