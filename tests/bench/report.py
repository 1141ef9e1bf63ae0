"""How a bench reports: a table for people, and its rows in `$VAR/bench.json` for programs, beside those of the other benches."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def report(rows: Sequence[Row]) -> None:
    """Rows of one bench: bench, engine, n, p50_ms, p99_ms, per_second, ratio_to, note; what does not apply is left out."""
    head = f"\n{rows[0]['bench']:<16} {'n':>8} {'p50 ms':>10} {'p99 ms':>10} {'per second':>12}\n"
    sys.stdout.write(head + "".join(map(_printed, rows)))
    file = Path(os.environ.get("VAR", "var")) / "bench.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(file.read_text()) if file.exists() else []
    file.write_text(json.dumps([one for one in kept if one["bench"] != rows[0]["bench"]] + list(rows), indent=1) + "\n")


def _printed(one: Row) -> str:
    numbers = [f"{one[name]:{width}}" if name in one else " " * size for name, width, size in _COLUMNS]
    ratios = "".join(f", {times:.2f} of {name}" for name, times in one.get("ratio_to", {}).items())
    return f"{one['engine']:<16} {' '.join(numbers)}  {one.get('note', '')}{ratios}\n"


_COLUMNS = (("n", ">8,", 8), ("p50_ms", ">10.3f", 10), ("p99_ms", ">10.3f", 10), ("per_second", ">12,.0f", 12))
