"""Every kind of fault, planted, is named with its file, its material and what to change; a folder with one is not loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalogue_folder import TEXTILE, CatalogueFolder

from contracts.catalogue import CatalogueError, load_catalogue

OFFCUTS = "materials/textile.toml: textile.offcuts: "
HEAD, CODES = "catalogue.toml: ", "codes/ewc.toml: "
PLANTED: list[tuple[str, str, str, str, str]] = [
    ("a Basel code that does not exist", "textile", '"B3030"', '"B9999"', OFFCUTS + "Basel code 'B9999' is in no list"),
    ("an EWC code without its star", "textile", '"04 02 22"', '"04 02 14"', OFFCUTS + "EWC code '04 02 14' is in no list"),
    ("an HS code that does not exist", "textile", '"6310.10"', '"6310.99"', OFFCUTS + "HS code '6310.99' is in no list"),
    ("a code cited twice", "textile", '["04 02 22"]', '["04 02 22", "04 02 22"]', OFFCUTS + "EWC code '04 02 22' is cited twice"),
    ("a starred code of what is harmless", "textile", '"04 02 22"', '"04 02 14*"', OFFCUTS + "EWC code 04 02 14* is for hazardous waste"),
    ("a list A code of what is harmless", "textile", '"B3030"', '"A3110"', OFFCUTS + "Basel code A3110 is for hazardous waste"),
    ("hazardous without a hazardous code", "textile", "density", "hazardous = true\ndensity", OFFCUTS + "it is hazardous, but none of its"),
    ("a density in tonnes", "textile", "= 150", "= 0.15", OFFCUTS + "density_kg_m3 is 0.15: kilograms per cubic metre lie between"),
    (
        "no worth at all",
        "textile",
        'reference_price = { amount = 200, source = "own estimate" }',
        "",
        OFFCUTS + "it has neither reference_price",
    ),
    (
        "a half distance without a reason",
        "textile",
        "density",
        "half_distance_km = 90\ndensity",
        OFFCUTS + "half_distance_km is 90, by its",
    ),
    (
        "a half distance out of bounds",
        "textile",
        "density",
        "half_distance_km = 9\ndensity",
        OFFCUTS + "half_distance_km is 9: it must lie",
    ),
    ("a reason for nothing", "textile", "density", 'half_distance_reason = "far"\ndensity', OFFCUTS + "half_distance_reason explains a"),
    ("kin that does not exist", "textile", '"fish.nets" =', '"fish.net" =', OFFCUTS + "its kin 'fish.net' does not exist"),
    ("kin to itself", "textile", '"fish.nets" =', '"textile.offcuts" =', OFFCUTS + "it lists itself as kin"),
    ("a weight of more than all", "textile", "= 0.5", "= 1.5", OFFCUTS + "kin.fish.nets: Input should be less than 1"),
    ("a word that means another", "textile", '["recortes"]', '["REDES "]', OFFCUTS + "synonyms.es.0: String should match"),
    (
        "a word that is another's",
        "textile",
        '["recortes"]',
        '["Rédes"]',
        "materials/fish.toml: fish.nets: 'Redes' is already said of textile.",
    ),
    (
        "a code of another family",
        "textile",
        '"textile.offcuts"',
        '"fish.offcuts"',
        "materials/textile.toml: fish.offcuts: its code does not",
    ),
    ("a field that nobody reads", "textile", "density_kg_m3", "density", OFFCUTS + "density: Extra inputs are not permitted"),
    ("a fact that there is none of", "textile", '"own_process_by_product"', '"clean"', OFFCUTS + "usual_facts.0: Input should be"),
    ("a regime that there is none of", "textile", "density", 'special_regime = "x"\ndensity', OFFCUTS + "special_regime: Input should be"),
    (
        "a price that is no number",
        "textile",
        "amount = 200",
        "amount = nan",
        OFFCUTS + "reference_price.amount: Input should be a finite number",
    ),
    ("a price without its source", "textile", ', source = "own estimate"', "", OFFCUTS + "reference_price.source: Field required"),
    ("a file that is no TOML", "textile", "density_kg_m3 =", "density_kg_m3", "materials/textile.toml: this is not valid TOML: "),
    ("a family without a file", "", 'code = "fish"', 'code = "wood"', "materials/wood.toml: the file cannot be read"),
    ("a file without a family", "", 'code = "fish"', 'code = "wood"', "materials/fish.toml: add [[family]] 'fish' to catalogue.toml"),
    ("a family that is there twice", "", 'code = "fish"', 'code = "textile"', HEAD + "family 'textile' is there 2 times"),
    ("a family that nobody routes", "", 'code = "fish"', 'code = "cork"', HEAD + "family 'cork' is none of those that are shipped"),
    ("two families on one partition", "", 'code = "fish"', 'code = "fish"\npartition = 0', HEAD + "families 'textile' and 'fish' share"),
    ("a partition that does not exist", "", 'code = "fish"', 'code = "fish"\npartition = 64', HEAD + "family.1.partition: Input should be"),
    ("a version that is none", "", "version = 1", "version = 0", HEAD + "version: Input should be greater than or equal to 1"),
    ("an EWC code written otherwise", "codes", '"01 01 01"', '"010101"', CODES + "'010101' is not how EWC codes are written"),
    ("a code with and without its star", "codes", '"01 01 01"', '"01 03 04"', CODES + "'01 03 04' is there with and without its star"),
]


@pytest.mark.parametrize(("where", "old", "new", "said"), [one[1:] for one in PLANTED], ids=[one[0] for one in PLANTED])
def test_a_planted_fault_is_named_with_what_to_change(catalogue: CatalogueFolder, where: str, old: str, new: str, said: str) -> None:
    file = {"": "catalogue.toml", "codes": "codes/ewc.toml"}.get(where, f"materials/{where}.toml")
    catalogue.change(file, old, new)

    assert any(fault.startswith(said) for fault in catalogue.faults()), catalogue.faults()
    with pytest.raises(CatalogueError):
        load_catalogue(catalogue.path)


def test_the_folder_without_a_planted_fault_has_none(catalogue: CatalogueFolder) -> None:
    assert catalogue.faults() == []


def test_a_material_that_is_there_twice_is_named(catalogue: CatalogueFolder) -> None:
    catalogue.write("materials/textile.toml", TEXTILE + TEXTILE)

    assert catalogue.faults() == [OFFCUTS + "it is already in materials/textile.toml: remove one of the two"]


def test_all_faults_of_all_files_are_named_at_once(catalogue: CatalogueFolder) -> None:
    catalogue.change("materials/textile.toml", '"B3030"', '"B9999"')
    catalogue.change("materials/fish.toml", "amount = 100", 'amount = "dear"')

    assert [fault.split(":")[0] for fault in catalogue.faults()] == ["materials/fish.toml", "materials/textile.toml"]


def test_a_file_that_is_not_utf_8_is_named(catalogue: CatalogueFolder) -> None:
    (catalogue.path / "materials/textile.toml").write_bytes(TEXTILE.encode("latin-1"))

    assert "materials/textile.toml: the file is not UTF-8: save it as UTF-8" in catalogue.faults()


def test_a_material_without_a_code_is_named_by_its_place(catalogue: CatalogueFolder) -> None:
    catalogue.change("materials/textile.toml", 'code = "textile.offcuts"\n', "")

    assert "materials/textile.toml: material 1: code: Field required" in catalogue.faults()


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"catalogue\.toml: the file cannot be read: No such file"):
        load_catalogue(tmp_path / "nowhere")
