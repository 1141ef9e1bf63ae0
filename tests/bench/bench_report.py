"""How a bench reports: a table on the terminal, and the same rows in `$VAR/bench.json` (performance.md, "How a bench reports")."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def report(rows: Sequence[Row]) -> None:
    """Prints the rows, and puts them in the place of the same bench's earlier ones."""
    sys.stdout.write("\n" + "".join(_line(row) for row in rows))
    path = Path(os.environ.get("VAR", "var"), "bench.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    kept: list[Row] = json.loads(path.read_text()) if path.exists() else []
    benches = {row["bench"] for row in rows}
    path.write_text(json.dumps([*(row for row in kept if row["bench"] not in benches), *rows], indent=1) + "\n")


def _line(row: Row) -> str:
    times = "".join(f"  {name[:3]} {row[name]:9.3f} ms" for name in ("p50_ms", "p99_ms") if name in row)
    rate = f"{row['per_second']:>10,.0f}/s" if "per_second" in row else ""
    ratio = "".join(f", {times:.2f} of {name}" for name, times in row.get("ratio_to", {}).items())
    return f"{row['bench']:<10} {row['engine']:<34} n={row['n']:<9,} {rate}{times}  {row.get('note', '')}{ratio}\n"
