"""What a person reads on the terminal when the exchange is ready."""

from __future__ import annotations

from collections.abc import Sequence

from infra.embedded.composition import Matched

TITLE_WIDTH = 38


def banner(gateway: str, matched: Sequence[Matched], running_path: str) -> str:
    """Where everything is, and what fits with what, best first."""
    lines = [
        "",
        f"  Ayni is open at {gateway}",
        f"  docs       {gateway}/docs",
        f"  live       {gateway}/v1/stream",
        f"  programs   {running_path}",
        "",
        *(f"  {line}" for line in table(matched)),
        "  Ctrl-C stops it; the market stays.",
        "",
    ]
    return "\n".join(lines)


def table(matched: Sequence[Matched]) -> list[str]:
    """Empty where nothing matched."""
    if not matched:
        return []
    head = f"{'score':>5}  {'offer':<{TITLE_WIDTH}}  {'want':<{TITLE_WIDTH}}  {'km':>7}  {'kg':>9}"
    return [head, *(_row(one) for one in matched), ""]


def _row(one: Matched) -> str:
    sides = f"{_cut(one.offer):<{TITLE_WIDTH}}  {_cut(one.want):<{TITLE_WIDTH}}"
    return f"{one.score:>5.3f}  {sides}  {one.distance_km:>7,.0f}  {one.quantity_kg:>9,.0f}"


def _cut(title: str) -> str:
    """Titles are what people typed: nothing in them may move the cursor."""
    plain = "".join(character if character.isprintable() else " " for character in title)
    return plain if len(plain) <= TITLE_WIDTH else f"{plain[: TITLE_WIDTH - 1]}…"
