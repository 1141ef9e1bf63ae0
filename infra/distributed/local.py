"""What `docker-compose.yml` tells each part, said for processes on this machine: other hosts, ports and secrets, and nothing else.

Load-bearing: `at_home`. It replaces addresses inside values and adds nothing of its own, so a setting that the file forgets is missing
here, too.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from infra.distributed.compose import ComposeError, Service
from infra.embedded.files import write_private

OWNER = re.compile(r"matching-(\d+)")
ADDRESSES = "AYNI_MATCHING_URL"
ONE_CALLER = {"AYNI_JOINS_PER_MINUTE": ""}  # everybody comes from the same address here


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: what ends before the rest starts, and what serves, callers after those they call."""

    first: tuple[Service, ...]
    serving: tuple[Service, ...]


def cast_of(services: Mapping[str, Service], owners: int, *, has_kafka: bool) -> Cast:
    """Our own of the services, with so many owners of the market. Raises ComposeError where the file has none to begin with."""
    ours = {name: one for name, one in services.items() if one.image.startswith("ayni:")}
    gateway, pattern = ours.get("gateway"), [one for name, one in ours.items() if OWNER.fullmatch(name)]
    if gateway is None or not pattern:
        raise ComposeError("docker-compose.yml has no gateway, or no matching-1")
    first = {name for one in ours.values() for name, until in one.needs.items() if until == "service_completed_successfully"}
    found = [_numbered(pattern[0], number) for number in range(1, owners + 1)]
    rest = [one for name, one in ours.items() if name not in first and one is not gateway and not OWNER.fullmatch(name)]
    addresses = ",".join(f"http://{one.name}:8000" for one in found)
    told = replace(gateway, environment={**gateway.environment, ADDRESSES: addresses, **ONE_CALLER})
    skipped = set() if has_kafka else {"topics"}
    return Cast(tuple(ours[name] for name in sorted(first - skipped)), (*rest, *found, told))


def _numbered(pattern: Service, number: int) -> Service:
    """The owner of that number, as the first one is written."""
    name = f"matching-{number}"
    return replace(pattern, name=name, environment={key: value.replace(pattern.name, name) for key, value in pattern.environment.items()})


def at_home(environment: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """The environment with each address in `places` (`listings:8000`) replaced by where it is here."""
    names = sorted(places, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, names))})(?!\d)")
    return {key: pattern.sub(lambda found: places[found[0]], value) for key, value in environment.items()}


def secret_of(folder: Path, name: str) -> str:
    """The secret of that name, made once and kept in the folder."""
    path = folder / name
    if not path.exists():
        write_private(path, secrets.token_urlsafe(36))
    return path.read_text()


def hand_out(service: Service, kept: Path, folder: Path, given: Mapping[str, str]) -> None:
    """The service's secrets as files under the names that it knows. given: those that are not ours to make."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for target, source in service.secrets.items():
        write_private(folder / target, given.get(source) or secret_of(kept, source))
