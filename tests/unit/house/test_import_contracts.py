"""The architecture is a failing build: each kind of fault, planted in a copy of the house, is reported."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("contracts", "kit", "services", "gateway", "infra")
FAULTS = {
    "a lower layer imports a higher one": ("kit/ids.py", "import services.listings.rules", "Layers"),
    "contracts import the kit": ("contracts/topics.py", "import kit.ids", "Layers"),
    "one service imports another": ("services/listings/rules.py", "import services.matching.settings", "Services are independent"),
    "the gateway imports a service": ("gateway/settings.py", "import services.listings.settings", "Services are independent"),
    "a repository imports a route": ("services/listings/repository/deals.py", "import services.listings.routes.deals", "Inside listings"),
    "an aggregate imports matching's market upwards": ("services/matching/bucket.py", "import services.matching.routes", "Inside matching"),
    "the engine imports the catalogue": ("services/matching/engine/terms.py", "import contracts.topics", "The engine is pure"),
    "the engine imports the web": ("services/matching/engine/terms.py", "import fastapi", "The engine is pure"),
    "a service imports Kafka": ("services/matching/bucket.py", "import aiokafka", "Only the kit sees Kafka"),
    "two siblings import each other": ("kit/ids.py", "import kit.web", "No cycles among siblings"),
    "a part of no layer is added": ("services/listings/helpers.py", "", "Inside listings"),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data", "*.json", "*.csv"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    command = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"
    return subprocess.run([sys.executable, "-P", "-c", command], cwd=house, capture_output=True, text=True, check=False)


def test_the_house_as_it_is_keeps_every_contract(house: Path) -> None:
    found = lint(house)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_breaks_its_contract(fault: str, house: Path) -> None:
    file, line, contract = FAULTS[fault]
    target = house / file
    target.write_text((target.read_text() if target.exists() else '"""Planted."""\n') + f"\n{line}\n")
    found = lint(house)
    assert found.returncode != 0, f"{fault}: not reported"
    broken = [text for text in found.stdout.replace("\n", " ").split("  ") if "BROKEN" in text]
    assert any(contract in text for text in broken) or f"{contract}" in found.stdout.split("Broken contracts")[-1], found.stdout
