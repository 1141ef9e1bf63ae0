"""What breaks a reader of published events is named; what only grows passes."""

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.compatibility import breaking_changes, withdrawn
from contracts.documents import schema_of
from contracts.envelope import EVENT_TYPES
from infra.commands import contracts as publishing

OFFER = "pe.ayni.offer.published.v1"
PRICE = {"type": "object", "properties": {"amount": {"type": "string"}, "per": {"enum": ["t", "kg"]}}, "required": ["amount", "per"]}
OLD = {
    "$defs": {"Price": PRICE},
    "type": "object",
    "description": "What is told",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "price": {"anyOf": [{"$ref": "#/$defs/Price"}, {"type": "null"}]},
        "told": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["id", "told"],
}


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    new = copy.deepcopy(OLD)
    change(new)
    return new


GROWN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "nothing": lambda new: None,
    "an added field": lambda new: new["properties"].update(colour={"type": "string"}),
    "an added field that is always there": lambda new: (new["properties"].update(n={"type": "integer"}), new["required"].append("n")),
    "an added field further in": lambda new: new["$defs"]["Price"]["properties"].update(currency={"type": "string"}),
    "a field that is now always there": lambda new: new["required"].append("price"),
    "other words for people": lambda new: new.update(description="Told", title="Offer"),
    "a definition of another name": lambda new: (
        new["$defs"].update(Money=new["$defs"].pop("Price")),
        new["properties"]["price"]["anyOf"][0].update({"$ref": "#/$defs/Money"}),
    ),
}
BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a field taken out": (lambda new: new["properties"].pop("told"), "told is gone"),
    "a field taken out further in": (lambda new: new["$defs"]["Price"]["properties"].pop("per"), "price.<0>.per is gone"),
    "another type": (lambda new: new["properties"]["id"].update(type="integer"), "id: type was 'string' and is 'integer'"),
    "another format": (lambda new: new["properties"]["id"].pop("format"), "id: format was 'uuid' and is None"),
    "another type in a list": (lambda new: new["properties"]["told"]["items"].update(type="integer"), "told[]: type was 'string'"),
    "a choice that lost one": (lambda new: new["properties"]["price"]["anyOf"].pop(), "price has another choice of types"),
    "a value that was not there before": (
        lambda new: new["$defs"]["Price"]["properties"]["per"]["enum"].append("m3"),
        "price.<0>.per: enum",
    ),
    "a field that may be missing": (lambda new: new["required"].remove("told"), "told was always there and may now be missing"),
    "a type where anything was said": (lambda new: new["properties"]["told"].pop("items"), "told[]"),
}


@pytest.mark.parametrize("case", GROWN)
def test_growing_breaks_nobody(case: str) -> None:
    assert breaking_changes(OLD, changed(GROWN[case])) == []


@pytest.mark.parametrize("case", BROKEN)
def test_anything_else_is_named_with_its_path(case: str) -> None:
    change, said = BROKEN[case]
    found = breaking_changes(OLD, changed(change))
    assert any(said in one for one in found), found


def test_an_event_type_that_is_gone_is_named_and_a_new_one_is_welcome() -> None:
    assert withdrawn({"a.v1": OLD}, {"a.v2": OLD}) == ["a.v1: the event type is gone"]


def test_a_shape_that_holds_itself_is_compared_once() -> None:
    old = {"$defs": {"Part": {"type": "object", "properties": {"inside": {"$ref": "#/$defs/Part"}}}}, "$ref": "#/$defs/Part"}
    new = copy.deepcopy(old)
    assert breaking_changes(old, new) == []
    new["$defs"]["Part"]["type"] = "array"  # type: ignore[index]  # a nested literal
    assert breaking_changes(old, new) == ["the data: type was 'object' and is 'array'"]


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_every_event_of_ours_is_compared_to_its_last_field(name: str) -> None:
    schema = schema_of(EVENT_TYPES[name])
    assert breaking_changes(schema, copy.deepcopy(schema)) == []
    less = copy.deepcopy(schema)
    gone = next(iter(less["properties"]))
    del less["properties"][gone]
    assert f"{gone} is gone" in breaking_changes(schema, less)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose main has one event type, published in its first commit."""
    folder = tmp_path / publishing.FOLDER
    folder.mkdir(parents=True)
    (folder / "a.v1.json").write_text('{"type": "object"}')
    monkeypatch.setattr(publishing, "ROOT", tmp_path)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path, "first")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, message: str) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def test_a_change_at_hand_is_compared_with_main(checkout: Path) -> None:
    (checkout / publishing.FOLDER / "a.v1.json").write_text('{"type": "array"}')
    base = publishing.base_commit()
    assert base == git(checkout, "rev-parse", "main")
    assert publishing.published_at(base) == {"a.v1": {"type": "object"}}


def test_a_branch_is_compared_with_main(checkout: Path) -> None:
    main = git(checkout, "rev-parse", "main")
    git(checkout, "switch", "--quiet", "--create", "work")
    (checkout / "README.md").write_text("Ayni")
    commit(checkout, "second")
    assert publishing.base_commit() == main


def test_main_itself_is_compared_with_the_commit_before(checkout: Path) -> None:
    assert publishing.base_commit() is None, "the first commit has nothing before it"
    first = git(checkout, "rev-parse", "main")
    (checkout / publishing.FOLDER / "a.v1.json").write_text('{"type": "array"}')
    commit(checkout, "second")
    assert publishing.base_commit() == first


def test_without_git_there_is_nothing_to_compare_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "ROOT", tmp_path)
    assert publishing.base_commit() is None
