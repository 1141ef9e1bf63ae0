"""Whether a published schema has only grown: fields may be added; anything else is a new version of the type beside the old one.

Pure: two JSON Schemas to the sentences that say what would break a reader. Load-bearing: what a reader relied on is looked up by its
path, through `$ref`, so that moving a shape into a definition of its own is no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
WORDS_FOR_PEOPLE = frozenset({"title", "description", "examples", "default", "$id", "$schema", "$defs", "$comment"})
CHOICES = ("prefixItems", "anyOf", "oneOf", "allOf")
ELEMENTS = {"items": "[]", "additionalProperties": ".*"}
COMPARED_APART = frozenset({"properties", "required", *CHOICES, *ELEMENTS})
REFERENCE = "#/$defs/"


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What in `new` a reader of `old` would trip over; both are whole schemas of one event's data."""
    return list(Comparison(old, new).changes(old, new, ""))


def withdrawn(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """Everything that breaks a reader of a set of schemas by event type."""
    found = [f"{type}: the event type is gone" for type in sorted(old.keys() - new.keys())]
    return found + [f"{type}: {change}" for type in sorted(old.keys() & new.keys()) for change in breaking_changes(old[type], new[type])]


class Comparison:
    """Two whole schemas, walked together; a shape that holds itself is compared once."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.old_root, self.new_root = old, new
        self._walked: set[tuple[str, str]] = set()

    def changes(self, old: Any, new: Any, path: str) -> Iterator[str]:
        """What breaks at this path and below it."""
        pair = (_reference(old), _reference(new))
        if pair in self._walked:
            return
        if is_referring := pair != ("", ""):
            self._walked.add(pair)
        yield from self._shapes(_resolved(old, self.old_root), _resolved(new, self.new_root), path)
        if is_referring:
            self._walked.remove(pair)

    def _shapes(self, old: Any, new: Any, path: str) -> Iterator[str]:
        if not isinstance(old, Mapping) or not isinstance(new, Mapping):
            if old != new:
                yield f"{path or 'the data'} was {old!r} and is {new!r}"
            return
        yield from _rules(old, new, path or "the data")
        yield from self._fields(old, new, f"{path}." if path else "")
        for word, name in ELEMENTS.items():
            if word in old or word in new:
                yield from self.changes(old.get(word, True), new.get(word, True), f"{path}{name}")
        for word in CHOICES:
            yield from self._choices(old.get(word, []), new.get(word, []), path)

    def _fields(self, old: Schema, new: Schema, prefix: str) -> Iterator[str]:
        for name, before in old.get("properties", {}).items():
            if name in new.get("properties", {}):
                yield from self.changes(before, new["properties"][name], f"{prefix}{name}")
            else:
                yield f"{prefix}{name} is gone"

    def _choices(self, old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[str]:
        if len(old) != len(new):
            yield f"{path or 'the data'} has another choice of types"
            return
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from self.changes(before, after, f"{path}.<{place}>")


def _rules(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """The words of one shape: type, format, pattern, enumeration, limits; and what was always there."""
    for word in sorted((old.keys() | new.keys()) - WORDS_FOR_PEOPLE - COMPARED_APART):
        if old.get(word) != new.get(word):
            yield f"{path}: {word} was {old.get(word)!r} and is {new.get(word)!r}"
    for name in sorted(set(old.get("required", [])) - set(new.get("required", []))):
        if name in new.get("properties", {}):
            yield f"{path}: {name} was always there and may now be missing"


def _reference(schema: Any) -> str:
    return str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""


def _resolved(schema: Any, root: Schema) -> Any:
    """The shape behind a reference, with what stands beside the reference. Raises KeyError for one that leads nowhere."""
    if not (reference := _reference(schema)):
        return schema
    beside = {word: value for word, value in schema.items() if word != "$ref"}
    return {**_resolved(root["$defs"][reference.removeprefix(REFERENCE)], root), **beside}
