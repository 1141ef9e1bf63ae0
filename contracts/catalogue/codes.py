"""The lists of official codes that materials cite: Basel, the European List of Waste, the Harmonized System.

Each list is a file under `data/codes` with its source. Load-bearing: which codes mean hazardous is read off the list itself (Basel's
list A, the star of the European list), never stated a second time.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from contracts.catalogue.material import Entry, Text

CodeKind = Literal["basel", "ewc", "hs"]
KINDS: tuple[CodeKind, ...] = ("basel", "ewc", "hs")
FORMS: Mapping[CodeKind, tuple[re.Pattern[str], str]] = {
    "basel": (re.compile(r"[AB]\d{4}|Y\d{2}"), "B3030"),
    "ewc": (re.compile(r"\d\d \d\d \d\d\*?"), "04 02 22 or 04 02 14*"),
    "hs": (re.compile(r"\d{4}(\.\d\d)?"), "6310 or 6310.10"),
}
LABELS: Mapping[CodeKind, str] = {"basel": "Basel", "ewc": "EWC", "hs": "HS"}


class CodeList(Entry):
    """One file: titles by code, and where they come from."""

    kind: CodeKind
    source: Text
    codes: dict[str, Text]


@dataclass(frozen=True)
class CodeBook:
    """All lists together."""

    lists: tuple[CodeList, ...]

    def list_of(self, kind: CodeKind, code: str) -> CodeList | None:
        """The list that a code stands in."""
        return next((listed for listed in self.lists if listed.kind == kind and code in listed.codes), None)

    def title(self, kind: CodeKind, code: str) -> str | None:
        """What the list says the code is."""
        listed = self.list_of(kind, code)
        return listed.codes[code] if listed else None

    def source(self, kind: CodeKind, code: str) -> str | None:
        """The code with the list it stands in: "Basel B3030: DS 014-2017-MINAM, Anexo V"."""
        listed = self.list_of(kind, code)
        return f"{LABELS[kind]} {code}: {listed.source}" if listed else None


def is_hazard_code(kind: CodeKind, code: str) -> bool:
    """Basel's list A (DS 014-2017-MINAM, Annex III), and starred entries of the European List of Waste (Decision 2000/532/EC)."""
    return (kind == "basel" and code.startswith("A")) or (kind == "ewc" and code.endswith("*"))


def read_code_list(path: Path) -> CodeList:
    """One list. Raises ValueError where the file is no TOML or has another form, OSError where it cannot be read."""
    return TypeAdapter(CodeList).validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
