"""Reading a country's folder. Load-bearing: whatever is wrong is said here, with the file's name, before anything runs on it.

A folder `xx` holds country.toml (figures, checked by Figures below), regimes.toml (law.py), districts.csv (COLUMNS below),
departments.json (borders), activities.txt (a code a line), and __init__.py with `normal_tax_id(text) -> str`.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta, timezone
from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, cast

from pydantic import BaseModel, ConfigDict, Field

from contracts.countries.atlas import Atlas
from contracts.countries.country import Country
from contracts.countries.department import Department
from contracts.countries.law import Law, Texts
from contracts.countries.place import District

COLUMNS = ["ubigeo_inei", "department", "province", "district", "ubigeo_reniec", "latitude", "longitude"]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class CountryDataError(ValueError):
    """A country's folder lacks something, or says something that cannot be."""


class Figures(BaseModel):
    """country.toml. utc_offset_hours: of a country that keeps one offset all year, so that no time zone database is needed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    utc_offset_hours: Annotated[float, Field(ge=-12, le=14)]
    freight_per_tonne_km: Annotated[Decimal, Field(gt=0)]
    road_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    lorry_kmh: Positive
    handling_hours: Positive
    disclaimer: Texts


def load_country(folder: Path) -> Country:
    """A country from its folder, which bears its code. Raises CountryDataError naming the file that is wrong."""
    with _naming(folder / "country.toml") as file:
        figures = Figures.model_validate(tomllib.loads(file.read_text("utf-8")))
        if figures.code.lower() != folder.name:
            raise ValueError(f"code {figures.code} in the folder {folder.name}")
    with _naming(folder / "regimes.toml") as file:
        law = Law.model_validate(tomllib.loads(file.read_text("utf-8")))
    with _naming(folder / "activities.txt") as file:
        activities = frozenset(_lines(file))
    return Country(
        code=figures.code,
        currency=figures.currency,
        timezone=timezone(timedelta(hours=figures.utc_offset_hours)),
        freight_per_tonne_km=figures.freight_per_tonne_km,
        road_factor=figures.road_factor,
        lorry_kmh=figures.lorry_kmh,
        handling_hours=figures.handling_hours,
        disclaimer=figures.disclaimer.model_dump(),
        law=law,
        atlas=_atlas(folder),
        activities=activities,
        tax_id_rule=_tax_id_rule(folder),
    )


@contextmanager
def _naming(file: Path) -> Iterator[Path]:
    """Says in which file it is that something is wrong."""
    try:
        yield file
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise CountryDataError(f"{file.parent.name}/{file.name}: {error}") from error


def _lines(file: Path) -> list[str]:
    """What the file says besides comments. Raises ValueError where that is nothing."""
    lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    if not lines:
        raise ValueError("is empty")
    return lines


def _atlas(folder: Path) -> Atlas:
    with _naming(folder / "departments.json") as file:
        found = json.loads(file.read_text("utf-8"))["departments"]
        departments = {one["name"]: Department.within(one["name"], one["rings"]) for one in found}
    with _naming(folder / "districts.csv") as file:
        districts = _districts(file)
        if unknown := {one.department for one in districts.values()} - departments.keys():
            raise ValueError(f"departments.json has no {sorted(unknown)}")
    return Atlas(districts, departments)


def _districts(file: Path) -> dict[str, District]:
    rows = csv.DictReader(_lines(file), strict=True)
    if rows.fieldnames != COLUMNS:
        raise ValueError(f"its columns are {rows.fieldnames}, not {COLUMNS}")
    districts: dict[str, District] = {}
    for row in rows:
        district = _district(row)
        if district.code in districts:
            raise ValueError(f"{district.code} stands there twice")
        districts[district.code] = district
    return districts


def _district(row: dict[str, str]) -> District:
    if len(row) != len(COLUMNS) or None in row.values():
        raise ValueError(f"the row that begins with {row[COLUMNS[0]]} has too few or too many cells")
    capital = (float(row["latitude"]), float(row["longitude"])) if row["latitude"] and row["longitude"] else None
    return District(row["ubigeo_inei"], row["department"], row["district"], capital)


def _tax_id_rule(folder: Path) -> Callable[[str], str]:
    """`normal_tax_id` of the folder's own module, wherever the folder lies."""
    with _naming(folder / "__init__.py") as file:
        spec = spec_from_file_location(f"contracts.countries.{folder.name}", file)
        if spec is None or spec.loader is None:
            raise ValueError("is no Python module")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        if not callable(rule := getattr(module, "normal_tax_id", None)):
            raise ValueError("has no function normal_tax_id(text) -> str")
        return cast(Callable[[str], str], rule)
