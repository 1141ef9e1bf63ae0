"""The map: what the repository has is what its data give; nothing stands outside, and no name over another."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from infra.cli import main
from infra.sample.market import read_market
from infra.sample.picture.draw import HEIGHT, PICTURE, WIDTH
from infra.sample.picture.frame import Frame
from infra.sample.picture.labels import Box, labels
from infra.sample.picture.sheet import KINDS

SVG = "{http://www.w3.org/2000/svg}"
ROOM = Box(0, 0, 1000, 1000)


@pytest.fixture(scope="module")
def picture() -> ElementTree.Element:
    return ElementTree.parse(PICTURE).getroot()  # noqa: S314 - our own file


def test_the_picture_is_what_the_data_give(tmp_path: Path) -> None:
    assert main(["sample", "map", "--to", str(tmp_path / "map.svg")]) == 0
    assert (tmp_path / "map.svg").read_text(encoding="utf-8") == PICTURE.read_text(encoding="utf-8"), "draw it anew: ayni sample map"


def test_every_site_has_its_mark(picture: ElementTree.Element) -> None:
    whole_country = picture.find(f"{SVG}g[@class='site']")
    assert whole_country is not None
    assert len(whole_country) == sum(len(one.sites) for one in read_market())


def test_it_says_in_spanish_what_it_shows(picture: ElementTree.Element) -> None:
    said = " ".join(picture.itertext())
    kinds = {one.cells["kind"] for one in read_market()}
    assert all(KINDS[kind][0] in said for kind in kinds)
    for words in ("El mercado de muestra", "68 organizaciones inventadas", "puntaje 0,9", "Chilca"):
        assert words in said
    assert picture.find(f"{SVG}title") is not None


def test_nothing_stands_outside_the_sheet(picture: ElementTree.Element) -> None:
    for element in picture.iter():
        for name, most in (("x", WIDTH), ("cx", WIDTH), ("y", HEIGHT), ("cy", HEIGHT)):
            assert 0 <= float(element.get(name, "0")) <= most
    marks = [point.split(",") for element in picture.iter(f"{SVG}polygon") for point in element.attrib["points"].split()]
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in marks)


def test_it_asks_nothing_of_the_network(picture: ElementTree.Element) -> None:
    assert not re.search(r"href|url\((?!#)|@import|<script", PICTURE.read_text(encoding="utf-8"))


def test_a_frame_puts_its_corners_where_it_stands() -> None:
    frame = Frame(north=0, west=-80, south=-10, east=-70, left=5, top=7, scale=50)
    assert frame.at(0, -80) == (5, 7)
    assert frame.at(-10, -70) == (round(5 + frame.width, 1), 507)
    assert frame.holds(-5, -75)
    assert not frame.holds(1, -75)


def test_a_name_goes_where_there_is_room_and_is_left_out_where_there_is_none() -> None:
    left, right = labels([("Lima", (500, 500)), ("Ate", (506, 500))], [], 10, ROOM)
    assert (left.anchor, right.anchor) == ("end", "start")
    assert labels([("Lima", (500, 500))], [Box(300, 300, 700, 700)], 10, ROOM) == []
    assert [one.anchor for one in labels([("Paita", (3, 500))], [], 10, ROOM)] == ["start"]


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "map", "--to", str(tmp_path / "no" / "map.svg")]) == 1
    assert "cannot be written: No such file or directory" in capsys.readouterr().err
