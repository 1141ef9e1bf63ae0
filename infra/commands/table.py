"""Rows for a terminal. Load-bearing: what people typed is shown in printable characters only, so that nothing in it moves the cursor."""

from __future__ import annotations

from collections.abc import Sequence

GAP = "  "


def plain(text: object, width: int | None = None) -> str:
    """In printable characters, cut to the width."""
    said = "".join(character if character.isprintable() else " " for character in str(text))
    return said if width is None or len(said) <= width else f"{said[: width - 1]}…"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as their widest cell; nothing where there are no rows."""
    if not rows:
        return ""
    lines = [list(head), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def counted(number: int, thing: str) -> str:
    """Such as 1 offer, 2 offers."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
