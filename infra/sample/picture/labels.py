"""Names beside the sites, as many as there is room for: the places with most sites first, none over another or over what is kept free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.sample.picture.frame import Point

LETTER = 0.56  # of the size: how wide a letter is, on average
GAP = 8.0


@dataclass(frozen=True, slots=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: Box) -> bool:
        return self.left <= other.left and other.right <= self.right and self.top <= other.top and other.bottom <= self.bottom

    def meets(self, other: Box) -> bool:
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True, slots=True)
class Label:
    text: str
    at: Point
    anchor: str


def around(at: Point, size: float) -> Box:
    """What a mark covers."""
    return Box(at[0] - size, at[1] - size, at[0] + size, at[1] + size)


def labels(places: Iterable[tuple[str, Point]], taken: Sequence[Box], size: float, room: Box) -> list[Label]:
    """Each name to the left of its point (where the sea is), else to its right, else above or below; left out where none of it is free."""
    occupied, found = list(taken), []
    for text, (x, y) in places:
        width, half = len(text) * size * LETTER, size / 2
        tries = (
            (Label(text, (x - GAP, y + half - 1.5), "end"), Box(x - GAP - width, y - half, x - GAP, y + half)),
            (Label(text, (x + GAP, y + half - 1.5), "start"), Box(x + GAP, y - half, x + GAP + width, y + half)),
            (Label(text, (x, y - GAP), "middle"), Box(x - width / 2, y - GAP - size, x + width / 2, y - GAP)),
            (Label(text, (x, y + GAP + size - 2), "middle"), Box(x - width / 2, y + GAP - 2, x + width / 2, y + GAP + size)),
        )
        free = next(((label, box) for label, box in tries if room.holds(box) and not any(box.meets(other) for other in occupied)), None)
        if free is not None:
            found.append(free[0])
            occupied.append(free[1])
    return found
