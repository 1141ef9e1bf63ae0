"""`ayni contracts`: the published contract of the events, written from the classes, and compared with what was published before.

Load-bearing: what it is compared with. With changes at hand that is the last commit of main; on main itself, with nothing changed, the
commit before, so that a check after the fact still sees what the commit did.
"""

from __future__ import annotations

import json
import subprocess
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from contracts.compatibility import withdrawn
from contracts.documents import SCHEMAS, schema_of, write_documents
from contracts.envelope import EVENT_TYPES
from infra.commands.command import Arguments, Command, Group, no_options
from infra.commands.excuses import CannotError

ROOT = Path(__file__).parents[2]
FOLDER = SCHEMAS.relative_to(ROOT).as_posix()
MAINS = ("main", "origin/main")


def _write(_: Arguments) -> None:
    for file in write_documents():
        print(file.relative_to(ROOT))  # noqa: T201 - for people


def _base_option(parser: ArgumentParser) -> None:
    parser.add_argument("--base", help="the commit to compare with (default: the last one of main)")


def _check(arguments: Arguments) -> None:
    base = arguments.base or base_commit()
    if base is None:
        print("no commit to compare with: the events are taken as they are")  # noqa: T201 - for people
        return
    if broken := withdrawn(published_at(base), {name: schema_of(event) for name, event in EVENT_TYPES.items()}):
        listed = "\n".join(f"  {one}" for one in broken)
        raise CannotError(f"these changes break readers of the events since {base}:\n{listed}\nmake a new version beside the old one")
    print(f"the events have only grown since {base}")  # noqa: T201 - for people


CONTRACTS = Group(
    "contracts",
    "The published contract of the events (in a checkout).",
    (
        Command("write", "Write the JSON Schemas and asyncapi.yaml from the classes.", no_options, _write),
        Command("check", "Check that the events have only grown.", _base_option, _check),
    ),
)


def base_commit() -> str | None:
    """The last commit of main, or the one before where that is what stands here; None where git knows neither."""
    head = _git("rev-parse", "--verify", "--quiet", "HEAD")
    if head is None:
        return None
    main = next((found for name in MAINS if (found := _git("rev-parse", "--verify", "--quiet", name))), head)
    is_unchanged = head == main and not _git("status", "--porcelain", "--", "contracts")
    return _git("rev-parse", "--verify", "--quiet", f"{main}^") if is_unchanged else main


def published_at(commit: str) -> dict[str, Any]:
    """The schemas of a commit, by event type. Raises CannotError for a commit that git does not know."""
    listed = _git("ls-tree", "--name-only", f"{commit}:{FOLDER}")
    if listed is None:
        if _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}") is None:
            raise CannotError(f"git knows no commit {commit!r}")
        return {}  # before there were any
    return {name.removesuffix(".json"): json.loads(_git("show", f"{commit}:{FOLDER}/{name}") or "{}") for name in listed.split()}


def _git(*words: str) -> str | None:
    """What git says; None where it says no, or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)  # noqa: S603, S607 - fixed words
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
