"""What an exchange in one process is made of; `parts.py` gives the real one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr

from kit.bus import Bus


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once for a local exchange, kept in its own folder. passwords: by database role."""

    passwords: Mapping[str, str]
    internal_token: str
    token_secret: str
    link_secret: str


@dataclass(frozen=True, slots=True)
class Outward:
    """How it meets people elsewhere. public_url: what links in mails begin with; smtp_url None: mails are written to mail_folder."""

    public_url: str
    smtp_url: SecretStr | None
    mail_from: str | None
    mail_folder: Path


@dataclass(frozen=True, slots=True)
class Part:
    """A part and its app."""

    name: str
    app: FastAPI


@dataclass(frozen=True, slots=True)
class Matched:
    """One line of what the terminal shows: a pair that was told, by the titles of its listings."""

    score: float
    offer: str
    want: str
    distance_km: float
    quantity_kg: float


@dataclass(frozen=True, slots=True)
class Exchange:
    """The running parts in the order in which they started, the door last; the buses they share; and what they show of themselves.

    settle returns when what was published has been matched and told."""

    parts: Sequence[Part]
    buses: Sequence[Bus]
    settle: Callable[[], Awaitable[None]]
    matched: Callable[[], Awaitable[Sequence[Matched]]]


@dataclass(frozen=True, slots=True)
class Composition:
    """How an exchange is made over a database (the DSN of a role that may create roles). load_sample gets the gateway's URL; it may be
    called again after it was cut short."""

    roles: Sequence[str]
    is_new: Callable[[str], Awaitable[bool]]
    prepare: Callable[[str, Secrets], Awaitable[None]]
    build: Callable[[str, Secrets, Outward], Exchange]
    load_sample: Callable[[str], Awaitable[None]] | None = None
