"""How long stopping may take in all: whoever is stopped later gets what is left."""

from __future__ import annotations

import asyncio


class Patience:
    """Begins when the first one is asked to stop."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends_at: float | None = None

    def ends_at(self) -> float:
        """By the running loop's clock."""
        if self._ends_at is None:
            self._ends_at = asyncio.get_running_loop().time() + self._seconds
        return self._ends_at
