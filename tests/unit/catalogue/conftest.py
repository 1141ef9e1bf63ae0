"""A folder to plant faults in: the shipped lists of codes, and two small families."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from catalogue_folder import FISH, HEAD, TEXTILE, CatalogueFolder

from contracts.catalogue import SHIPPED


@pytest.fixture
def catalogue(tmp_path: Path) -> CatalogueFolder:
    folder = CatalogueFolder(tmp_path)
    (tmp_path / "materials").mkdir()
    shutil.copytree(SHIPPED / "codes", tmp_path / "codes")
    folder.write("catalogue.toml", HEAD)
    folder.write("materials/textile.toml", TEXTILE)
    folder.write("materials/fish.toml", FISH)
    return folder
