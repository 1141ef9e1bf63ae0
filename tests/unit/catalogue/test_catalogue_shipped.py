"""The catalogue that is shipped: faultless, complete, and with what the trade and the law ask of it."""

from __future__ import annotations

import tomllib
from collections import Counter
from decimal import Decimal

import pytest

from contracts.catalogue import SHIPPED, check_catalogue, load_catalogue
from contracts.catalogue.codes import read_code_list

CATALOGUE = load_catalogue()
MATERIALS = list(CATALOGUE.materials.values())


def codes_of(name: str) -> list[str]:
    return list(read_code_list(SHIPPED / f"codes/{name}.toml").codes)


def test_it_has_no_fault() -> None:
    assert check_catalogue(SHIPPED) == []


def test_it_has_at_least_150_materials_in_14_families_each_in_its_own_file() -> None:
    assert len(MATERIALS) >= 150
    assert len(CATALOGUE.families) >= 14
    assert {"construction", "organic"} <= {family.code for family in CATALOGUE.families}
    assert {path.stem for path in (SHIPPED / "materials").iterdir()} == {family.code for family in CATALOGUE.families}


@pytest.mark.parametrize(("name", "letter", "count"), [("basel_a", "A", 62), ("basel_b", "B", 62)])
def test_the_lists_of_the_annexes_are_whole(name: str, letter: str, count: int) -> None:
    codes = codes_of(name)

    assert len(codes) == count
    assert {code[0] for code in codes} == {letter}


def test_the_european_list_is_whole_with_its_stars() -> None:
    codes = codes_of("ewc")

    assert len(codes) == 842
    assert sum(code.endswith("*") for code in codes) == 408
    assert {code[:2] for code in codes} == {f"{chapter:02}" for chapter in range(1, 21)}


def test_the_hs_list_has_what_is_cited_and_its_headings_only() -> None:
    cited = {code for material in MATERIALS for code in material.hs}

    assert {code for code in codes_of("hs") if "." in code} == {code for code in cited if "." in code}
    assert {code for code in codes_of("hs") if "." not in code} <= {code[:4] for code in cited}


def test_each_code_and_each_price_comes_with_its_source() -> None:
    for material in MATERIALS:
        for label, codes in (("Basel", material.basel), ("EWC", material.ewc), ("HS", material.hs)):
            for code in codes:
                assert any(source.startswith(f"{label} {code}: ") for source in material.sources), material.code
        assert material.reference_price is not None, material.code
        assert material.reference_price.source


def test_most_materials_have_a_code_of_each_list() -> None:
    for kind in ("basel", "ewc", "hs"):
        without = [material.code for material in MATERIALS if not getattr(material, kind)]
        assert len(without) <= len(MATERIALS) / 10, without


def test_people_find_each_material_by_words_in_both_languages() -> None:
    assert [material.code for material in MATERIALS if not (material.synonyms.es and material.synonyms.en)] == []


def test_a_stated_half_distance_is_rare_and_reasoned() -> None:
    stated = [
        material
        for path in (SHIPPED / "materials").iterdir()
        for material in tomllib.loads(path.read_text(encoding="utf-8"))["material"]
        if "half_distance_km" in material
    ]

    assert 0 < len(stated) <= 5
    assert all("freight" in material["half_distance_reason"] for material in stated)


def test_half_distances_follow_from_the_price() -> None:
    """0.15 x 450 PEN/t / (0.23 PEN/t.km x 1.4) = 209.6 km; a price of 20 is too small for 15 km, one of 28,000 too large for 1,500."""
    found = {code: CATALOGUE.materials[code].half_distance_km for code in ("paper.occ", "agrofood.filter_cake", "metal.copper")}

    assert found == {"paper.occ": Decimal(210), "agrofood.filter_cake": Decimal(15), "metal.copper": Decimal(1500)}


def test_electronics_and_tyres_are_priority_goods() -> None:
    electronic = Counter(material.special_regime for material in MATERIALS if material.family == "electronic")

    assert electronic["bien_priorizado"] > 15
    assert set(electronic) == {"bien_priorizado", None}
    assert {CATALOGUE.materials[f"rubber.{name}"].special_regime for name in ("end_of_life_tyres", "mining_tyres")} == {"bien_priorizado"}


def test_what_comes_out_of_a_fish_plant_is_under_the_fishery_rules_and_seaweed_is_not() -> None:
    fish = {material.code for material in MATERIALS if material.special_regime == "hidrobiologico"}

    assert {material.code for material in MATERIALS if material.family == "fish"} - fish == {"fish.seaweed_residue"}
    assert all(code.startswith("fish.") for code in fish)


def test_hazard_is_that_of_the_official_lists() -> None:
    for material in MATERIALS:
        is_marked = any(code.startswith("A") for code in material.basel) or any(code.endswith("*") for code in material.ewc)
        assert material.hazardous == is_marked, material.code


def test_whole_fishmeal_is_a_product_and_not_here() -> None:
    assert CATALOGUE.search("harina de pescado") == []
    assert CATALOGUE.search("anchoveta") == []


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("Retazos de algodon", "textile.cotton_offcuts"),
        ("MERMA DE HILANDERIA", "textile.spinning_waste"),
        ("viruta", "wood.wood_shavings"),
        ("sanguaza", "fish.bloodwater"),
        ("bagazo", "agrofood.sugarcane_bagasse"),
        ("orujo", "agrofood.grape_marc"),
        ("chatarra", "metal.steel_heavy"),
        ("tecnopor", "plastic.eps_foam"),
        ("coronta", "agrofood.corn_cobs"),
        ("llantas usadas", "rubber.end_of_life_tyres"),
        ("bagasse", "agrofood.sugarcane_bagasse"),
    ],
)
def test_a_material_is_found_by_what_people_call_it(said: str, first: str) -> None:
    assert CATALOGUE.search(said)[0].code == first


@pytest.mark.parametrize(
    ("said", "like"), [("mermas", "merma"), ("metales", "metal"), ("cascarillas", "cascarilla"), ("cartones", "cartón")]
)
def test_a_word_is_found_in_the_plural_too(said: str, like: str) -> None:
    found = {material.code for material in CATALOGUE.search(said)}

    assert {material.code for material in CATALOGUE.search(like)} <= found
    assert found


@pytest.mark.parametrize("said", ["retazos", "cascarilla", "borra", "merma", "scrap", "lodo", "viruta", "parihuela"])
def test_a_general_word_finds_several_to_choose_from(said: str) -> None:
    assert len(CATALOGUE.search(said)) >= 3
