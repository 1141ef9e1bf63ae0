"""Failures that whoever typed the command can do something about: a message on stderr and an exit code, no traceback.

0 done, 1 could not go on, 2 asked for what cannot be (a taken port, a folder in use, a wrong value). Load-bearing: `exit_codes` is imported
when something has failed, because it knows every part.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from infra.commands.cannot import CannotError

__all__ = ["CannotError", "excused"]


def excused(work: Callable[[], None]) -> int:
    """Does the work; the answer is the exit code. What nobody expected is raised."""
    try:
        work()
    except Exception as error:
        from infra.commands.exit_codes import code_of, said_of

        code = code_of(error)
        if code is None:
            raise
        print("\n".join(f"ayni: {line}" for line in said_of(error)), file=sys.stderr)  # noqa: T201 - for people
        return code
    return 0
