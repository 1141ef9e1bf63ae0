"""How long tests wait for what is not what they are about, on a machine that does other things, too."""

from __future__ import annotations

UNHURRIED = {"pool_wait_seconds": 300, "statement_timeout_seconds": 60}
