"""Reads `docker-compose.yml` as far as our own parts need it: what runs as which command, told what, with which secrets.

Load-bearing: this is how what is tested becomes what is shipped. `make cluster` starts what is written there, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?+])(?P<word>[^}]*))?\})")


class ComposeError(ValueError):
    """The file is not what we take; the message says where."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service. secrets: what the file is called in the container, and which secret it is. needs: the services it waits for."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    needs: Mapping[str, str]


def read_services(path: Path = COMPOSE, variables: Mapping[str, str] | None = None) -> dict[str, Service]:
    """By name. variables: what `${...}` stands for. Raises ComposeError, OSError."""
    found = yaml.safe_load(path.read_text())
    if not isinstance(found, dict) or not isinstance(found.get("services"), dict):
        raise ComposeError(f"{path} has no services")
    given = variables or {}
    return {name: _service(name, interpolated(one, given)) for name, one in found["services"].items()}


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """The same with its variables replaced, as the compose specification says. Raises ComposeError for one that must be given."""
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: _replaced(found, variables), value)
    if isinstance(value, dict):
        return {key: interpolated(one, variables) for key, one in value.items()}
    return [interpolated(one, variables) for one in value] if isinstance(value, list) else value


def _replaced(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found["dollar"]:
        return "$"
    name, how, word = found["plain"] or found["name"], found["how"] or "", found["word"] or ""
    value = variables.get(name)
    is_there = bool(value) if how.startswith(":") else value is not None
    if how.endswith("?") and not is_there:
        raise ComposeError(f"{name} must be given: {word}")
    if how.endswith("+"):
        return word if is_there else ""
    return value or "" if is_there or not how else word


def _service(name: str, found: Mapping[str, Any]) -> Service:
    command, environment, secrets, needs = (found.get(key) or {} for key in ("command", "environment", "secrets", "depends_on"))
    if not isinstance(environment, dict):
        raise ComposeError(f"{name}: write the environment as a mapping, as the other services do")
    return Service(
        name,
        str(found.get("image", "")),
        tuple(map(str, command)),
        {key: "" if value is None else str(value) for key, value in environment.items()},
        dict(_secret(one) for one in secrets),
        {one: condition.get("condition", "service_started") for one, condition in needs.items()},
    )


def _secret(found: Any) -> tuple[str, str]:
    return (found, found) if isinstance(found, str) else (found.get("target", found["source"]), found["source"])
