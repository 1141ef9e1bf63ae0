"""The controls: `python -m tests.chaos.controls [--seconds 30] [--seed 7]`. Each planted mistake must be found, or the harness is blind.

Without a mistake the same run must find nothing, or it cries wolf.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from kit.telemetry import configure_logging
from tests.chaos.planted import MISTAKES, STALL
from tests.chaos.run import Plan, carry_out

DRAIN_SECONDS = 40  # what was lost never comes: there is no use in waiting long
CORNERS = 16
TRIES = 3  # with other seeds, because a mistake shows only where a fault hits it


def main(words: Sequence[str] | None = None) -> int:
    """Exit code 0 if, and only if, every one of them is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=MISTAKES)
    given = parser.parse_args(words)
    configure_logging("CRITICAL")
    cries_wolf = _finds_something(given.seconds, given.seed)
    chosen = [mistake for mistake in MISTAKES if given.only in (None, mistake)]
    blind = [mistake for mistake in chosen if not _is_found(mistake, given.seconds, given.seed)]
    sys.stdout.write(json.dumps({"controls": len(chosen), "not_found": blind, "cries_wolf": cries_wolf}) + "\n")
    return 1 if blind or cries_wolf else 0


def _is_found(mistake: str, seconds: float, seed: int) -> bool:
    return any(_finds_something(seconds, seed + again, mistake) for again in range(TRIES))


def _finds_something(seconds: float, seed: int, *mistakes: str) -> bool:
    plan = Plan(seconds, seed, plants=frozenset((*mistakes, STALL)), corners=CORNERS, drain_seconds=DRAIN_SECONDS)
    figures, broken = asyncio.run(carry_out(plan))
    shown = {name: figures[name] for name in ("seed", "broken", "events", "faults")}
    sys.stdout.write(json.dumps({"planted": list(mistakes)} | shown) + "\n")
    sys.stdout.flush()
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
