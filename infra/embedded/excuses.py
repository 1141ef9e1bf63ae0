"""Failures that whoever typed the command can do something about: one line on stderr and an exit code, no traceback.

0 stopped as asked, 1 could not go on, 2 asked for what cannot be (a taken port, a folder in use, a wrong value).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from pydantic import ValidationError

from infra.embedded.door import PortTakenError
from infra.embedded.lock import FolderInUseError
from infra.embedded.postgres import EmbeddedPostgresError


def excused(work: Callable[[], None]) -> int:
    """Does the work; the answer is the exit code. What nobody expected is raised."""
    try:
        work()
    except (PortTakenError, FolderInUseError) as error:
        return _refuse(str(error), 2)
    except ValidationError as error:
        return _refuse("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()), 2)
    except EmbeddedPostgresError as error:
        return _refuse(str(error), 1)
    return 0


def _refuse(message: str, code: int) -> int:
    print(f"ayni: {message}", file=sys.stderr)  # noqa: T201 - for people
    return code
