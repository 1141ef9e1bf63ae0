"""The column beside the map: what it is, what the marks mean, and the matches that the lines are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from infra.sample.picture.sheet import KINDS, QUIET, Element, badge, element, group, mark, words
from infra.sample.standing import Fit

WIDTH_LETTERS = 48


def column(left: float, sites: Mapping[str, int], summary: str, best: Sequence[tuple[Fit, float]]) -> Element:
    """sites: how many of each kind; best: with their kilometres."""
    return group(
        [
            words("El mercado de muestra", (left, 62), 25, font_weight="700"),
            words(f"{summary},", (left, 88), 12.5, fill=QUIET),
            words("en lugares verdaderos de la industria del Perú.", (left, 106), 12.5, fill=QUIET),
            *_kinds(left, 148, sites),
            *_matches(left, 318, best),
            *_foot(left, 1012),
        ]
    )


def _kinds(left: float, top: float, sites: Mapping[str, int]) -> Iterator[Element]:
    yield words("Locales, por tipo de organización", (left, top), 14, font_weight="600")
    for number, (kind, (name, _, _)) in enumerate((kind, meaning) for kind, meaning in KINDS.items() if sites.get(kind)):
        y = top + 24 + number * 21
        yield group([mark(kind, (left + 8, y - 4.3), 5.4)], class_="site")
        yield words(name, (left + 24, y), 12.5)
        yield words(str(sites[kind]), (left + 250, y), 12.5, fill=QUIET, text_anchor="end")


def _matches(left: float, top: float, best: Sequence[tuple[Fit, float]]) -> Iterator[Element]:
    yield words("Coincidencias que viajan, una por rubro", (left, top), 14, font_weight="600")
    for number, (fit, kilometres) in enumerate(best, 1):
        y = top + 30 + (number - 1) * 64
        yield badge(number, (left + 9, y - 4))
        yield words(_cut(fit.offer.title), (left + 28, y), 12.5)
        yield words(f"→ {_cut(fit.want.title)}", (left + 28, y + 17), 12.5)
        ways = f"{fit.offer.place.district} – {fit.want.place.district}, {kilometres:.0f} km"
        yield words(f"{ways} · puntaje {fit.score:.2f}".replace(".", ","), (left + 28, y + 34), 11.5, fill=QUIET)


def _foot(left: float, top: float) -> Iterator[Element]:
    yield element("path", d=f"M{left} {top - 18}h370", stroke="#c3ced7")
    yield words("Nombres, RUC y correos son inventados. Límites: Natural Earth.", (left, top), 11, fill=QUIET)
    yield words("Lo dibuja `ayni sample map` con los datos de infra/sample/data.", (left, top + 16), 11, fill=QUIET)


def _cut(title: str) -> str:
    return title if len(title) <= WIDTH_LETTERS else f"{title[: WIDTH_LETTERS - 1].rstrip()}…"
