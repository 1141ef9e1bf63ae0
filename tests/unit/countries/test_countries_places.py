"""Places in Peru: names by place code or by border, rounding, and what looks wrong with a site."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.countries import country, distance_km

PERU = country("PE")
LATITUDES, LONGITUDES = st.floats(-90, 90), st.floats(-180, 180)


@pytest.mark.parametrize(
    ("latitude", "longitude", "code", "department", "district"),
    [
        (-12.0256, -76.9190, "150103", "Lima", "Ate"),
        (-16.3989, -71.5350, "040101", "Arequipa", "Arequipa"),
        (-12.0566, -77.1181, "070101", "Callao", "Callao"),
        (-9.0745, -78.5936, "021801", "Áncash", "Chimbote"),
        (-12.5096, -76.7369, "150505", "Lima", "Chilca"),
    ],
)
def test_a_place_is_named_by_its_place_code(latitude: float, longitude: float, code: str, department: str, district: str) -> None:
    place = PERU.place_of(latitude, longitude, code)

    assert (place.department, place.district) == (department, district)
    assert PERU.place_warnings(latitude, longitude, code) == []


@pytest.mark.parametrize(
    ("latitude", "longitude", "department"),
    [
        (-11.95, -70.50, "Madre de Dios"),
        (-12.0256, -76.9190, "Lima"),
        (-13.1631, -72.5450, "Cusco"),
        (-3.7491, -73.2538, "Loreto"),
        (-15.8402, -70.0219, "Puno"),
        (-11.8750, -77.1270, "Callao"),  # Ventanilla: a town that the simplified border leaves in Lima
        (-3.4817, -80.2450, "Tumbes"),  # Aguas Verdes: a town that the simplified border leaves outside
        (-17.6400, -71.3500, "Moquegua"),  # the pier of Ilo
        (-12.0900, -77.2200, "Callao"),  # an island
    ],
)
def test_a_place_without_code_has_the_department_that_it_lies_in(latitude: float, longitude: float, department: str) -> None:
    place = PERU.place_of(latitude, longitude, None)

    assert (place.department, place.district) == (department, None)
    assert PERU.is_inside(latitude, longitude)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(-23.6509, -70.3975), (-18.4783, -70.3126), (-2.1900, -79.8875), (-12.0, -78.5), (0.0, 0.0), (90.0, 0.0), (-76.9190, -12.0256)],
    ids=["Antofagasta", "Arica", "Guayaquil", "the sea", "nowhere", "a pole", "Ate with its coordinates swapped"],
)
def test_a_place_outside_the_country_has_no_names_and_a_warning(latitude: float, longitude: float) -> None:
    place = PERU.place_of(latitude, longitude, None)

    assert (place.department, place.district) == (None, None)
    assert not PERU.is_inside(latitude, longitude)
    assert "outside PE" in PERU.place_warnings(latitude, longitude, None)[0]


def test_every_district_capital_lies_in_its_own_department() -> None:
    capitals = [one for one in PERU.atlas.districts.values() if one.capital is not None]

    assert len(capitals) > 1500
    assert [one for one in capitals if PERU.atlas.department_at(*one.capital) != one.department] == []


@given(latitude=LATITUDES, longitude=LONGITUDES)
def test_coordinates_are_rounded_to_a_hundredth_of_a_degree_and_no_more_is_told(latitude: float, longitude: float) -> None:
    place = PERU.place_of(latitude, longitude, None)

    assert (round(place.latitude, 2), round(place.longitude, 2)) == (place.latitude, place.longitude)
    assert abs(place.latitude - latitude) <= 0.005 + 1e-9
    assert place == PERU.place_of(place.latitude, place.longitude, None)  # the names say nothing of the exact point


@pytest.mark.parametrize(("degrees", "rounded"), [(-12.025, -12.02), (-12.035, -12.04), (0.125, 0.12), (-0.001, 0.0)])
def test_a_half_is_rounded_to_the_even_hundredth(degrees: float, rounded: float) -> None:
    place = PERU.place_of(degrees, degrees, None)

    assert str(place.latitude) == str(rounded)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("040101", "757 km from Arequipa, which the place code 040101 names"),  # far from the capital
        ("120107", "from Junín, which the place code 120107 names"),  # Chilca near Huancayo: two have the name, so its capital is not known
    ],
)
def test_a_place_code_far_from_the_coordinates_is_a_warning(code: str, said: str) -> None:
    warnings = PERU.place_warnings(-12.0256, -76.9190, code)

    assert len(warnings) == 1
    assert said in warnings[0]


def test_a_place_code_is_known_by_inei_and_not_by_reniec() -> None:
    assert PERU.is_place_code("150103")  # Ate
    assert not any(PERU.is_place_code(code) for code in ("260101", "15010", "1501030", "150100", "", "lima"))


def test_an_unknown_place_code_names_nothing_and_warns_of_nothing() -> None:
    assert PERU.place_of(-12.0256, -76.9190, "999999") == PERU.place_of(-12.0256, -76.9190, None)
    assert PERU.place_warnings(-12.0256, -76.9190, "999999") == []


def test_distance_is_a_haversine_on_the_stated_sphere() -> None:
    assert distance_km(0, 0, 0, 1) == pytest.approx(6371.0088 * 3.141592653589793 / 180, abs=1e-9)
    assert distance_km(-12.03, -76.92, -12.03, -76.92) == 0
    assert distance_km(0, 0, 0, 180) == pytest.approx(6371.0088 * 3.141592653589793)
