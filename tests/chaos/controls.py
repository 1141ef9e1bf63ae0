"""The controls: `python -m tests.chaos.controls [--seconds 30] [--seed 7]`. Each planted mistake must be found, or the harness is blind."""

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
TRIES = 3  # with other seeds, because a mistake shows only where a fault hits it


def main(words: Sequence[str] | None = None) -> int:
    """Exit code 0 if, and only if, every one of them is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=MISTAKES)
    given = parser.parse_args(words)
    configure_logging("CRITICAL")
    blind = [mistake for mistake in MISTAKES if given.only in (None, mistake) and not _is_found(mistake, given.seconds, given.seed)]
    sys.stdout.write(json.dumps({"controls": len(MISTAKES), "not_found": blind}) + "\n")
    return 1 if blind else 0


def _is_found(mistake: str, seconds: float, seed: int) -> bool:
    for again in range(TRIES):
        plan = Plan(seconds, seed + again, plants=frozenset((mistake, STALL)), corners=8, drain_seconds=DRAIN_SECONDS)
        figures, broken = asyncio.run(carry_out(plan))
        sys.stdout.write(
            json.dumps({"planted": mistake, "seed": plan.seed, "broken": figures["broken"], "events": figures["events"]}) + "\n"
        )
        sys.stdout.flush()
        if broken:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
