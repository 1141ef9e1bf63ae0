"""Another country is another folder: one that is invented here is read whole, and whatever is wrong in it is named with its file."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from contracts.countries import DEFAULT, CountryDataError, Place, UnknownCountryError, country, known_countries, load_country

FILES = {
    "__init__.py": """
def normal_tax_id(text: str) -> str:
    if len(text) != 3:
        raise ValueError("three letters")
    return text.upper()
""",
    "country.toml": """
code = "UT"
currency = "XTS"
utc_offset_hours = 5.5
freight_per_tonne_km = "1.5"
road_factor = 1.2
lorry_kmh = 60
handling_hours = 1
disclaimer = { es = "Informa.", en = "Informs." }
""",
    "regimes.toml": """
language = "en"

[[rule]]
regime = "scrap"
from = 2020-01-01
until = 2020-12-31
text = { es = "Restos", en = "Scrap" }
source = "Act 1"
facts = { post_consumer = false }
receivers = { kinds = ["firm"], licences = ["paper"] }
closed = "licence:paper"

[[rule]]
regime = "waste"
from = 2020-01-01
text = { es = "Residuo", en = "Waste" }
source = "Act 2"
receivers = { licences = ["paper"] }
closed = "licence:paper"

[missing]
"licence:paper" = { es = "Falta el papel.", en = "The paper is missing." }
""",
    "activities.txt": "# of Act 3\n0001\n",
    "districts.csv": """# of Act 4
ubigeo_inei,department,province,district,ubigeo_reniec,latitude,longitude
01,Isle,Isle,Harbour,,50.5,10.5
""",
    "departments.json": '{"departments": [{"name": "Isle", "rings": [[[50, 10], [51, 10], [51, 11], [50, 11]]]}]}',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ut"
    made.mkdir()
    for name, text in FILES.items():
        (made / name).write_text(text, "utf-8")
    return made


def test_an_invented_country_is_loaded_from_its_folder_alone(folder: Path) -> None:
    utopia = load_country(folder)

    assert (utopia.code, utopia.currency, utopia.freight_per_tonne_km) == ("UT", "XTS", Decimal("1.5"))
    assert utopia.normal_tax_id("abc") == "ABC"
    assert utopia.is_activity("0001")
    assert utopia.place_of(50.501, 10.2, None) == Place(department="Isle", district=None, latitude=50.5, longitude=10.2)
    assert utopia.place_of(50.5, 10.5, "01").district == "Harbour"
    assert utopia.today(datetime(2026, 1, 1, 18, 30, tzinfo=UTC)) == date(2026, 1, 2)


@pytest.mark.parametrize(("on", "slug"), [(date(2020, 1, 1), "scrap"), (date(2020, 12, 31), "scrap"), (date(2021, 1, 1), "waste")])
def test_a_rule_holds_from_its_first_day_through_its_last(folder: Path, on: date, slug: str) -> None:
    facts = SimpleNamespace(post_consumer=False)

    regime = load_country(folder).regime_of(facts, special_regime=None, hazardous=False, is_fresh=True, on=on)

    assert regime.slug == slug
    assert regime.rule == regime.texts["en"]


@pytest.mark.parametrize("name", list(FILES))
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()

    with pytest.raises(CountryDataError, match=name):
        load_country(folder)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("country.toml", 'code = "UT"', 'code = "XX"', "code XX in the folder ut"),
        ("country.toml", 'currency = "XTS"', "", "currency"),
        ("country.toml", "road_factor = 1.2", "road_factor = 0.5", "road_factor"),
        ("country.toml", "road_factor = 1.2", "road_factor =", "line"),
        ("regimes.toml", "post_consumer = false", "edible = false", "edible"),
        ("regimes.toml", "until = 2020-12-31", "until = 2019-12-31", "scrap: ends on 2019-12-31"),
        ("regimes.toml", 'receivers = { licences = ["paper"] }', "receivers = {}", "nobody could receive"),
        ("regimes.toml", 'regime = "waste"', 'regime = "scrap"', "the rules of scrap differ"),
        ("regimes.toml", 'regime = "waste"', 'regime = "waste"\nfresh = true', "the last rule must hold"),
        ("regimes.toml", 'regime = "waste"', 'regime = "waste"\nuntil = 2030-01-01', "the last rule must hold"),
        ("regimes.toml", ', en = "The paper is missing."', "", "no sentence for licence:paper"),
        ("regimes.toml", 'closed = "licence:paper"', 'closed = "paper"', "closed"),
        ("regimes.toml", 'text = { es = "Residuo", en = "Waste" }', 'text = { es = "Residuo" }', "en"),
        ("districts.csv", "province,", "", "its columns are"),
        ("districts.csv", "01,Isle", "01,Atlantis", "Atlantis"),
        ("districts.csv", "50.5", "north", "north"),
        ("districts.csv", "01,Isle,Isle,Harbour,,50.5,10.5", "01,Isle", "begins with 01"),
        ("districts.csv", "01,Isle,Isle,Harbour,,50.5,10.5", "01,Isle,Isle,A,,,\n01,Isle,Isle,B,,,", "01 stands there twice"),
        ("districts.csv", "ubigeo_inei", "# ubigeo_inei", "its columns are"),
        ("departments.json", ", [51, 11], [50, 11]", "", "corners"),
        ("departments.json", "50, 10]", "50]", "departments"),
        ("departments.json", '"departments"', '"counties"', "departments"),
        ("departments.json", "{", "", "JSON|Extra data"),
        ("activities.txt", "0001", "", "is empty"),
        ("__init__.py", "def normal_tax_id", "def tax_id", "has no function normal_tax_id"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_name_of_its_file(folder: Path, name: str, old: str, new: str, said: str) -> None:
    text = FILES[name]
    assert old in text
    (folder / name).write_text(text.replace(old, new), "utf-8")

    with pytest.raises(CountryDataError, match=said) as refused:
        load_country(folder)

    assert f"ut/{name}" in str(refused.value)


@pytest.mark.parametrize("code", ["UT", "pe", "", "../pe", "P" * 1000])
def test_an_unknown_country_is_refused_naming_those_that_are_known(code: str) -> None:
    with pytest.raises(UnknownCountryError, match="known: PE") as refused:
        country(code)

    assert len(str(refused.value)) < 100


def test_peru_is_the_default_because_its_folder_is_the_only_one() -> None:
    assert known_countries() == (DEFAULT,) == ("PE",)
    assert country() is country("PE")
