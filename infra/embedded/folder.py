"""What an exchange keeps in its own folder (`VAR`) beside the database: its secrets, mails where no server takes them, and where
it is while it runs."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.embedded.cluster import erase_cluster
from infra.embedded.composition import Secrets
from infra.embedded.files import write_private
from infra.embedded.lock import LOCK, held

POSTGRES = "postgresql"
MAIL = "mail"
SECRETS = "secrets.json"
RUNNING = "running.json"
SAMPLE_PENDING = "sample-pending"
KAFKA, PARTS, DISTRIBUTED_SECRETS = "kafka", "parts", "secrets"
OF_THE_DISTRIBUTED = (KAFKA, PARTS, DISTRIBUTED_SECRETS)


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A part or a server; parts that share a process have the same pid. port: None where it does not listen."""

    name: str
    pid: int
    port: int | None


def read_secrets(var: Path) -> dict[str, Any]:
    """As they are kept, to be kept elsewhere; empty where there are none."""
    path = var / SECRETS
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return kept


def keep_secrets(var: Path, kept: Mapping[str, Any]) -> None:
    """In the place of the folder's own."""
    write_private(var / SECRETS, json.dumps(kept, indent=2))


def load_secrets(var: Path, roles: Sequence[str]) -> Secrets:
    """The folder's secrets; what is missing is made, and kept."""
    kept = read_secrets(var)
    passwords: Mapping[str, str] = kept.get("passwords", {})
    found = Secrets(
        {role: passwords.get(role) or secrets.token_urlsafe(24) for role in roles},
        kept.get("internal_token") or secrets.token_urlsafe(32),
        kept.get("token_secret") or secrets.token_urlsafe(48),
        kept.get("link_secret") or secrets.token_urlsafe(48),
    )
    if asdict(found) != kept:
        keep_secrets(var, asdict(found))
    return found


def tell_running(
    var: Path, gateway: str, database: str, processes: Sequence[RunningProcess], *, mode: str = "embedded", kafka: str | None = None
) -> None:
    """Says to programs where everything is (design.md, "Commands")."""
    told = {
        "mode": mode,
        "gateway": gateway,
        "database": database,
        "kafka": kafka,
        "meilisearch": None,
        "processes": [asdict(process) for process in processes],
    }
    write_private(var / RUNNING, json.dumps(told, indent=2))


def erase_folder(var: Path) -> None:
    """Removes what an exchange keeps, and the folder where nothing else is in it. Raises FolderInUseError while one has it."""
    if not var.is_dir():
        return
    with held(var):
        erase_cluster(var / POSTGRES)
        for folder in (MAIL, *OF_THE_DISTRIBUTED):
            shutil.rmtree(var / folder, ignore_errors=True)
        for name in (SECRETS, RUNNING, SAMPLE_PENDING, LOCK):
            (var / name).unlink(missing_ok=True)
    if not any(var.iterdir()):
        var.rmdir()
