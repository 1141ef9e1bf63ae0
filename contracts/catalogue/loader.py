"""From a folder of files to a Catalogue, or to all that is wrong with them at once.

A folder holds `catalogue.toml` (version, families in order, constants of the half distance), `materials/<family>.toml` and `codes/*.toml`.
Load-bearing: every figure is read with `parse_float=Decimal`, so that 0.23 is 0.23.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from contracts.catalogue.catalogue import Catalogue
from contracts.catalogue.check import Fault, Written, faults_among, malformed, unplaced
from contracts.catalogue.codes import CodeBook, CodeList
from contracts.catalogue.entry import WrittenFamily, WrittenMaterials
from contracts.catalogue.freight import HalfDistanceRule
from contracts.catalogue.material import Entry

SHIPPED = Path(__file__).with_name("data")
HEAD = "catalogue.toml"
Form = TypeVar("Form", bound=Entry)


class CatalogueError(ValueError):
    """The folder is no valid catalogue; `faults` has everything that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class WrittenHead(Entry):
    """`catalogue.toml`."""

    version: Annotated[int, Field(ge=1)]
    half_distance: HalfDistanceRule
    family: Annotated[tuple[WrittenFamily, ...], Field(min_length=1)]


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """The catalogue of a folder, by default the shipped one. Raises CatalogueError with all faults."""
    catalogue, faults = _read(folder or SHIPPED)
    if catalogue is None:
        raise CatalogueError(faults)
    return catalogue


def check_catalogue(folder: Path) -> list[Fault]:
    """All that is wrong with a folder; empty where it is a valid catalogue."""
    return _read(folder)[1]


def _read(folder: Path) -> tuple[Catalogue | None, list[Fault]]:
    faults: list[Fault] = []
    head = _read_form(folder, HEAD, WrittenHead, faults)
    if head is None:
        return None, faults
    book = _read_book(folder, faults)
    faults += [Fault(HEAD, None, change) for change in unplaced(head.family)]
    read = {family: _read_family(folder, family, faults) for family in dict.fromkeys(one.code for one in head.family)}
    written = [one for materials in read.values() for one in materials]
    unread = {family for family, materials in read.items() if not materials}
    faults += _strays(folder, head)
    faults += faults_among(written, unread, book, head.half_distance)
    if faults:
        return None, faults
    made = (one.material.made(one.family, book, head.half_distance) for one in written)
    return Catalogue(head.version, {material.code: material for material in made}, tuple(family.made() for family in head.family)), []


def _read_book(folder: Path, faults: list[Fault]) -> CodeBook:
    paths = sorted((folder / "codes").glob("*.toml"))
    read = {f"codes/{path.name}": _read_form(folder, f"codes/{path.name}", CodeList, faults) for path in paths}
    faults += [Fault(file, None, change) for file, listed in read.items() if listed for change in malformed(listed)]
    return CodeBook(tuple(listed for listed in read.values() if listed))


def _read_family(folder: Path, family: str, faults: list[Fault]) -> list[Written]:
    file = f"materials/{family}.toml"
    written = _read_form(folder, file, WrittenMaterials, faults)
    return [Written(file, family, material) for material in written.material] if written else []


def _strays(folder: Path, head: WrittenHead) -> list[Fault]:
    """Files that no family names would be silently left out."""
    named = {family.code for family in head.family}
    found = sorted(path.stem for path in (folder / "materials").glob("*.toml"))
    return [
        Fault(f"materials/{stem}.toml", None, f"add [[family]] {stem!r} to {HEAD}, or remove the file")
        for stem in found
        if stem not in named
    ]


def _read_form(folder: Path, file: str, form: type[Form], faults: list[Fault]) -> Form | None:
    try:
        content = tomllib.loads((folder / file).read_text(encoding="utf-8"), parse_float=Decimal)
        return form.model_validate(content)
    except ValidationError as refused:
        errors = refused.errors()
        real = [
            error for error in errors if error["type"] != "too_short"
        ] or errors  # refused entries are not counted again as missing ones
        faults += [_fault_of_form(file, content, error) for error in real]
    except OSError as missing:
        faults.append(Fault(file, None, f"the file cannot be read: {missing.strerror}"))
    except UnicodeDecodeError:
        faults.append(Fault(file, None, "the file is not UTF-8: save it as UTF-8"))
    except tomllib.TOMLDecodeError as broken:
        faults.append(Fault(file, None, f"this is not valid TOML: {broken}"))
    return None


def _fault_of_form(file: str, content: dict[str, Any], error: Any) -> Fault:
    """Names the material by its code where it has one, else by its place in the file."""
    path, material = list(error["loc"]), None
    if path[:1] == ["material"] and len(path) > 1:
        entry = content["material"][path[1]]
        code = entry.get("code") if isinstance(entry, dict) else None
        material, path = code if isinstance(code, str) else f"material {path[1] + 1}", path[2:]
    field = ".".join(str(part) for part in path) or "it"
    return Fault(file, material, f"{field}: {error['msg']}")
