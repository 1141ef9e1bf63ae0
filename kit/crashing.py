"""Named points at which a test has a process killed, at the places where two writes meet (reliability.md, section 2.1).

Random kills hit narrow windows rarely; these always do. Load-bearing: `arm` refuses outside tests, so that no setting of an operator's can
make an exchange kill itself.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Awaitable, Callable
from typing import Self

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

WRITTEN = re.compile(r"([a-z_]+(?:\.[a-z_]+)+)(?:#([1-9][0-9]{0,5}))?")
_armed: dict[str, int] = {}  # how many more times each point is passed, the last one included


class CrashSettings(BaseSettings):
    """crash_at: a point's name, `#3` behind it for the third time that it is passed. is_test: AYNI_IS_TEST says that this is one."""

    model_config = SettingsConfigDict(env_prefix="AYNI_", extra="ignore", frozen=True)

    crash_at: str | None = None
    is_test: bool = False

    @model_validator(mode="after")
    def _only_in_tests(self) -> Self:
        if self.crash_at is None:
            return self
        if not self.is_test:
            raise ValueError("AYNI_CRASH_AT is for tests: a process that is none does not start with it; unset it")
        if not WRITTEN.fullmatch(self.crash_at):
            raise ValueError(f"AYNI_CRASH_AT is a point's name, as listings.after_commit or listings.after_commit#3, not {self.crash_at!r}")
        return self


def arm(settings: CrashSettings) -> None:
    """From now on this process kills itself at the point that the settings name."""
    if settings.crash_at is not None and (found := WRITTEN.fullmatch(settings.crash_at)):
        _armed[found[1]] = int(found[2] or 1)


def crash_point(name: str) -> None:
    """The end of this process, if a test asked for it; else nothing."""
    if _armed and name in _armed:
        _armed[name] -= 1
        if _armed[name] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def crash_in(place: str) -> Callable[[str], Awaitable[None]]:
    """The same for a place that names its own points, and awaits them."""

    async def at(name: str) -> None:
        crash_point(f"{place}.{name}")

    return at
