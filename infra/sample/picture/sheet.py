"""The sheet: SVG elements, and the few shapes that the map is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from infra.sample.picture.frame import Point

Element = ElementTree.Element
INK, QUIET, ACCENT = "#22303c", "#5d6b77", "#c0392b"
SHORT = 80
BOW = 0.14  # of a line's length: how far its middle is off the straight way
KINDS = {
    "firm": ("Empresa", "#2f5d8a", "circle"),
    "cooperative": ("Cooperativa o asociación", "#2e8b57", "square"),
    "recycler": ("Recicladora o EO-RS", "#c2701c", "triangle"),
    "fish_plant": ("Planta pesquera", "#0f8b8d", "diamond"),
    "facilitator": ("Facilitador", "#7b4fa3", "star"),
    "authority": ("Autoridad", "#6b6b6b", "plus"),
}
"""By kind of organisation: its name, its colour, and a shape for those who do not tell colours apart."""
CORNERS: dict[str, Sequence[Point]] = {
    "square": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "triangle": ((0, -1.15), (1.05, 0.75), (-1.05, 0.75)),
    "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
    "star": (
        *((0, -1.4), (0.4, -0.45), (1.35, -0.4), (0.6, 0.25), (0.85, 1.2)),
        *((0, 0.65), (-0.85, 1.2), (-0.6, 0.25), (-1.35, -0.4), (-0.4, -0.45)),
    ),
    "plus": (
        *((-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4)),
        *((0.4, 1.2), (-0.4, 1.2), (-0.4, 0.4), (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4)),
    ),
}
"""By shape: its corners, for a size of 1."""


def element(name: str, text: str | None = None, /, **attributes: str | float) -> Element:
    """An SVG element; `fill_opacity` is written fill-opacity."""
    made = Element(name, {key.rstrip("_").replace("_", "-"): _written(value) for key, value in attributes.items()})
    made.text = text
    return made


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def group(children: Iterable[Element], **attributes: str | float) -> Element:
    made = element("g", **attributes)
    made.extend(children)
    return made


def words(text: str, at: Point, size: float, **attributes: str | float) -> Element:
    return element("text", text, x=at[0], y=at[1], font_size=size, **attributes)


def mark(kind: str, at: Point, size: float) -> Element:
    """The site of an organisation of a kind."""
    _, colour, shape = KINDS[kind]
    if shape == "circle":
        return element("circle", cx=at[0], cy=at[1], r=size, fill=colour)
    corners = " ".join(f"{_written(round(at[0] + x * size, 1))},{_written(round(at[1] + y * size, 1))}" for x, y in CORNERS[shape])
    return element("polygon", points=corners, fill=colour)


def outline(ring: Sequence[Point]) -> str:
    """A closed path through the points, without those that fall on the one before."""
    kept = [point for point, before in zip(ring, [None, *ring], strict=False) if point != before]
    return "M" + "L".join(f"{_written(x)} {_written(y)}" for x, y in kept) + "Z"


def arc(start: Point, end: Point) -> tuple[str, Point]:
    """A bowed line from one point to another, and where its number stands: at its middle, beside it where it is short."""
    (x1, y1), (x2, y2) = start, end
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    across = (y2 - y1) / length, (x1 - x2) / length
    bow, aside = length * BOW, 0 if length > SHORT else 10
    x, y = (x1 + x2) / 2 + across[0] * bow * 2, (y1 + y2) / 2 + across[1] * bow * 2
    middle = (x1 + x2) / 2 + across[0] * (bow + aside), (y1 + y2) / 2 + across[1] * (bow + aside)
    path = f"M{_written(x1)} {_written(y1)}Q{_written(round(x, 1))} {_written(round(y, 1))} {_written(x2)} {_written(y2)}"
    return path, (round(middle[0], 1), round(middle[1], 1))


def badge(number: int, at: Point) -> Element:
    """The number of a match."""
    disc = element("circle", cx=at[0], cy=at[1], r=8, fill="#fff", stroke=ACCENT, stroke_width=1.3)
    return group([disc, words(str(number), (at[0], round(at[1] + 3.6, 1)), 10, text_anchor="middle", font_weight="700", fill=ACCENT)])


def printed(root: Element) -> str:
    """The picture as a file has it, a line for each element, so that a change reads in a diff."""
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"
