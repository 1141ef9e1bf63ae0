"""The day as `data/day.toml` has it: who does what, at what hour. Load-bearing: what is written wrong is said before anything is done."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from infra.sample.market import DATA, SampleError

PUBLISHING, ANSWERING = ("offers", "wants"), ("accepts", "declines", "releases")


def minutes(written: Any) -> int:
    """Of the day, for an hour such as "06:05". Raises ValueError."""
    hour, colon, minute = str(written).partition(":")
    if not (colon and len(hour) == len(minute) == 2 and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        raise ValueError(f'write an hour as "06:05", not {written!r}')
    return int(hour) * 60 + int(minute)


Hour = Annotated[int, BeforeValidator(minutes)]


class Act(BaseModel):
    """One thing that one organisation does. what: the name, in this day, of the listing that it puts on the market or changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Hour
    who: str
    does: Literal["offers", "wants", "reprices", "accepts", "declines", "releases"]
    what: str = ""
    body: dict[str, Any] = {}
    spoils_at: Hour | None = None
    price: dict[str, str] | None = None
    offer: str = ""
    want: str = ""
    quantity_kg: str | None = None
    reason: str | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        named = (self.offer and self.want) if self.does in ANSWERING else self.what
        if not named:
            raise ValueError(f"{self.does} what? Name `offer` and `want` of an answer, else `what`")
        if bool(self.body) != (self.does in PUBLISHING):
            raise ValueError(f"{self.does}: a `body` belongs to what is put on the market, and only to that")
        if (self.price is not None) != (self.does == "reprices"):
            raise ValueError(f"{self.does}: a `price` belongs to what reprices, and only to that")
        return self


def read_day(file: Path = DATA / "day.toml") -> Sequence[Act]:
    """The acts, in order. Raises SampleError."""
    try:
        acts = [Act.model_validate(act) for act in tomllib.loads(file.read_text("utf-8"))["act"]]
    except (KeyError, ValidationError, tomllib.TOMLDecodeError) as error:
        raise SampleError(f"{file.name}: {error}") from error
    if [act.at for act in acts] != sorted(act.at for act in acts):
        raise SampleError(f"{file.name}: the acts do not stand in the order of their hours")
    known: set[str] = set()
    for act in acts:
        if unknown := {act.offer, act.want, act.what if act.does == "reprices" else ""} - known - {""}:
            raise SampleError(f"{file.name}: {act.who} {act.does}, and nobody has put {sorted(unknown)} on the market before")
        known.add(act.what)
    return acts
