"""Drawing the map: the departments, a mark for each site, the best match of each family that goes a long way, and what it all means.

Load-bearing: MOMENT. The market is read as it stood at one fixed time, so that the picture changes with the data and with nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contracts.catalogue import Catalogue, load_catalogue
from contracts.countries import Country, country
from contracts.countries.place import Place, distance_km
from infra.sample.market import SampleOrganisation, read_market
from infra.sample.picture.column import column
from infra.sample.picture.frame import Frame, Point
from infra.sample.picture.labels import Box, Label, around, labels
from infra.sample.picture.sheet import ACCENT, INK, QUIET, Element, arc, badge, element, group, mark, outline, printed, words
from infra.sample.standing import Fit, Standing, fits, standing

PICTURE = Path(__file__).parents[3] / "docs" / "sample-market.svg"
MOMENT = datetime(2027, 1, 4, 12, tzinfo=UTC)
WIDTH, HEIGHT = 1200, 1060
LAND = Frame(north=0.1, west=-81.7, south=-18.5, east=-68.5, left=36, top=24, scale=55)
LIMA = Frame(north=-11.79, west=-77.24, south=-12.57, east=-76.63, left=36, top=744, scale=378)
COLUMN_LEFT = 796
MARK, NAME_SIZE, SMALL_NAME_SIZE = 4.2, 11, 9.5
SHOWN, LEAST_SCORE, FAR_KM, BESIDE_KM = 10, 0.5, 80, 70  # matches; which are told; which go far; which would look like one
FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
STYLE = f"""
.ground {{ fill: #f7f3e9; stroke: #cdc3ab; stroke-width: .8; stroke-linejoin: round }}
.site > * {{ stroke: #fff; stroke-width: .9 }}
.name {{ fill: {INK}; paint-order: stroke; stroke: #fff; stroke-opacity: .8; stroke-width: 2.5 }}
.line {{ fill: none; stroke: {ACCENT}; stroke-width: 1.5; stroke-linecap: round; stroke-opacity: .75 }}
"""


@dataclass(frozen=True, slots=True)
class Dot:
    """A site, as the map has it."""

    kind: str
    district: str
    latitude: float
    longitude: float


def draw_market() -> str:
    """The picture, as SVG."""
    land, catalogue, market = country(), load_catalogue(), read_market()
    stands = standing(market, catalogue, MOMENT)
    dots, best = list(_dots(market, land)), _best(fits(stands, catalogue), catalogue)
    sheet = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img", "aria_labelledby": "title what"}
    root = element("svg", **sheet, font_family=FONT, fill=INK)
    root.append(element("title", "El mercado de muestra de Ayni en el mapa del Perú", id="title"))
    root.append(element("desc", _summary(stands), id="what"))
    root.append(element("style", STYLE))
    root.append(element("rect", width=WIDTH, height=HEIGHT, rx=14, fill="#e6eff5"))
    root.extend([_ground(land, LAND), *_matches(best), _marks(dots, LAND, MARK), _names(dots, best), *_lima(land, dots)])
    root.append(column(COLUMN_LEFT, Counter(dot.kind for dot in dots), _summary(stands), [(fit, _kilometres(fit)) for fit in best]))
    return printed(root)


def _summary(market: Standing) -> str:
    return f"{len(market.organisations)} organizaciones inventadas, {len(market.offers)} ofertas y {len(market.wants)} demandas"


def _dots(market: Sequence[SampleOrganisation], land: Country) -> Iterator[Dot]:
    for organisation in market:
        for site in organisation.sites:
            district = land.atlas.districts[site["place_code"]].name
            yield Dot(organisation.cells["kind"], district, float(site["latitude"]), float(site["longitude"]))


def _best(found: Iterable[Fit], catalogue: Catalogue) -> list[Fit]:
    """The best that are told and go FAR_KM or more: one of a family, and none beside another, so that each line can be seen."""
    far = (fit for fit in found if fit.score >= LEAST_SCORE and _kilometres(fit) >= FAR_KM)
    ranked = sorted(far, key=lambda fit: (-round(fit.score, 10), str(fit.offer.id)))
    families: set[str] = set()
    best: list[Fit] = []
    for fit in ranked:
        family = catalogue.materials[fit.offer.material].family
        if family not in families and not any(_is_beside(fit, other) for other in best):
            families.add(family)
            best.append(fit)
    return best[:SHOWN]


def _is_beside(fit: Fit, other: Fit) -> bool:
    """Whether both go between the same two places, either way."""
    offered, wanted = fit.offer.place, fit.want.place
    return any(
        max(_apart_km(offered, start), _apart_km(wanted, end)) < BESIDE_KM
        for start, end in ((other.offer.place, other.want.place), (other.want.place, other.offer.place))
    )


def _apart_km(here: Place, there: Place) -> float:
    return distance_km(here.latitude, here.longitude, there.latitude, there.longitude)


def _kilometres(fit: Fit) -> float:
    return _apart_km(fit.offer.place, fit.want.place)


def _ground(land: Country, frame: Frame) -> Element:
    departments = (
        element("path", class_="ground", d="".join(outline([frame.at(*point) for point in ring]) for ring in one.rings))
        for one in land.atlas.departments.values()
        if one.box[0] < frame.north and one.box[2] > frame.south and one.box[1] < frame.east and one.box[3] > frame.west
    )
    return group(departments)


def _marks(dots: Iterable[Dot], frame: Frame, size: float) -> Element:
    shown = (dot for dot in dots if frame.holds(dot.latitude, dot.longitude))
    return group((mark(dot.kind, frame.at(dot.latitude, dot.longitude), size) for dot in shown), class_="site")


def _ends(fit: Fit) -> tuple[Point, Point]:
    offered, wanted = fit.offer.place, fit.want.place
    return LAND.at(offered.latitude, offered.longitude), LAND.at(wanted.latitude, wanted.longitude)


def _matches(best: Sequence[Fit]) -> Iterator[Element]:
    """A line from each offer to who wants it, with its number in the column."""
    arcs = [arc(*_ends(fit)) for fit in best]
    yield group(element("path", class_="line", d=path) for path, _ in arcs)
    yield group(badge(number, middle) for number, (_, middle) in enumerate(arcs, 1))


def _names(dots: Sequence[Dot], best: Sequence[Fit]) -> Element:
    """Of the districts outside the inset, those with most sites first."""
    outside = [dot for dot in dots if not LIMA.holds(dot.latitude, dot.longitude)]
    taken = [around(LAND.at(dot.latitude, dot.longitude), MARK) for dot in dots]
    taken += [around(arc(*_ends(fit))[1], 9) for fit in best]
    count = Counter(dot.district for dot in outside)
    first = {dot.district: LAND.at(dot.latitude, dot.longitude) for dot in reversed(outside)}
    places = sorted(first.items(), key=lambda place: (-count[place[0]], place[0]))
    taken += [Box(*LAND.at(LIMA.north, LIMA.west), *LAND.at(LIMA.south, LIMA.east)), Box(0, LIMA.top - 20, *_corner(LIMA))]
    return _labelled(labels(places, taken, NAME_SIZE, Box(4, 0, COLUMN_LEFT, HEIGHT)), NAME_SIZE)


def _corner(frame: Frame) -> Point:
    return frame.left + frame.width, frame.top + frame.height


def _labelled(found: Iterable[Label], size: float) -> Element:
    return group(words(one.text, one.at, size, text_anchor=one.anchor, class_="name") for one in found)


def _lens() -> Element:
    """What the inset shows on the map, and which inset it is."""
    (left, top), (right, bottom) = LAND.at(LIMA.north, LIMA.west), LAND.at(LIMA.south, LIMA.east)
    edge = LIMA.left + LIMA.width
    rays = f"M{left} {top}L{edge:.1f} {LIMA.top}M{left} {bottom}L{edge:.1f} {LIMA.top + LIMA.height:.1f}"
    seen = element("rect", x=left, y=top, width=right - left, height=bottom - top, rx=2)
    return group([seen, element("path", d=rays)], fill="none", stroke=QUIET, stroke_width=0.8, stroke_dasharray="3 3")


def _lima(land: Country, dots: Sequence[Dot]) -> Iterator[Element]:
    """The inset: Lima and Callao down to the parks of Chilca, where most of the sites are."""
    clip = element("clipPath", id="lima")
    clip.append(element("rect", x=LIMA.left, y=LIMA.top, width=LIMA.width, height=LIMA.height, rx=8))
    yield clip
    yield _lens()
    inside = [dot for dot in dots if LIMA.holds(dot.latitude, dot.longitude)]
    at = {dot.district: LIMA.at(dot.latitude, dot.longitude) for dot in reversed(inside)}
    count = Counter(dot.district for dot in inside)
    places = sorted(at.items(), key=lambda place: (-count[place[0]], place[0]))
    taken = [around(LIMA.at(dot.latitude, dot.longitude), MARK) for dot in inside]
    room = Box(LIMA.left, LIMA.top, *_corner(LIMA))
    names = _labelled(labels(places, taken, SMALL_NAME_SIZE, room), SMALL_NAME_SIZE)
    frame = {"x": LIMA.left, "y": LIMA.top, "width": LIMA.width, "height": LIMA.height, "rx": 8}
    yield group([element("rect", **frame, fill="#e6eff5"), _ground(land, LIMA), _marks(inside, LIMA, MARK), names], clip_path="url(#lima)")
    yield element("rect", **frame, fill="none", stroke=QUIET)
    yield words("Lima, Callao y los parques de Chilca", (LIMA.left, LIMA.top - 8), 11.5, font_weight="600")
