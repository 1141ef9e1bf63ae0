"""What comes in over HTTP: answers to matches."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contracts.values import Phrase, PositiveAmount, Value

Version = Annotated[int | None, Field(ge=1, le=2**31 - 1, strict=True)]


class Acceptance(Value):
    """quantity_kg: the match's own quantity where it is left out. The versions: what this side saw; 409 if the terms changed since."""

    quantity_kg: Annotated[PositiveAmount | None, Field(examples=["700.125"])] = None
    offer_version: Version = None
    want_version: Version = None


class Refusal(Value):
    """Why; to release needs a reason, to decline does not."""

    reason: Phrase | None = None
