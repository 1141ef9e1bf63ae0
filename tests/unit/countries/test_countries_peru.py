"""Peru's data: the figures of matching.md, INEI's districts and the classes of CIIU revision 4, as counted in their sources."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from contracts.countries import EARTH_RADIUS_KM, country, known

PERU = country("PE")
DISTRICTS = Path(known.HERE, "pe", "districts.csv")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return list(csv.DictReader(DISTRICTS.read_text("utf-8").splitlines()[1:]))


def test_figures_are_those_of_the_published_formula() -> None:
    assert (PERU.code, PERU.currency, PERU.freight_per_tonne_km) == ("PE", "PEN", Decimal("0.23"))
    assert (PERU.road_factor, PERU.lorry_kmh, PERU.handling_hours, EARTH_RADIUS_KM) == (1.4, 40, 2, 6371.0088)
    assert PERU.timezone.utcoffset(None) == timedelta(hours=-5)


@pytest.mark.parametrize("code", ["1020", "1311", "1313", "1410", "1511", "1520", "2220", "3811", "3830", "0111", "9900"])
def test_an_activity_is_a_class_of_ciiu_revision_4(code: str) -> None:
    assert PERU.is_activity(code)


@pytest.mark.parametrize("code", ["0000", "141", "14", "C", "14100", "2899x", "3720", ""])
def test_a_group_a_division_and_a_code_of_revision_3_are_no_activity(code: str) -> None:
    assert not PERU.is_activity(code)


def test_there_are_the_419_classes_that_isic_revision_4_has() -> None:
    assert len(PERU.activities) == 419
    assert all(len(code) == 4 and code.isdigit() for code in PERU.activities)


def test_district_codes_are_unique_and_begin_with_the_code_of_their_department(rows: list[dict[str, str]]) -> None:
    codes = [row["ubigeo_inei"] for row in rows]
    departments = {(code[:2], row["department"]) for code, row in zip(codes, rows, strict=True)}

    assert len(codes) == len(set(codes)) == 1893
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert sorted(number for number, _ in departments) == [f"{number:02}" for number in range(1, 26)]
    assert {name for _, name in departments} == PERU.atlas.departments.keys() >= {"Áncash", "Junín", "Callao", "Madre de Dios"}


def test_inei_and_reniec_codes_stand_side_by_side(rows: list[dict[str, str]]) -> None:
    both = {row["ubigeo_inei"]: row["ubigeo_reniec"] for row in rows}
    pairs = {
        "070101": "240101", "150103": "140103", "150115": "140109", "200501": "190501",
        "021801": "021301", "110505": "100405", "150124": "140118", "150505": "140405",
    }  # fmt: skip

    assert {code: both[code] for code in pairs} == pairs


def test_a_district_whose_name_repeats_has_no_coordinates_because_the_source_keys_them_by_name(rows: list[dict[str, str]]) -> None:
    count = Counter(row["district"] for row in rows)

    assert count["Chilca"] == 2
    assert all(not row["latitude"] and not row["longitude"] for row in rows if count[row["district"]] > 1)
