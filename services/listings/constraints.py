"""The rules that PostgreSQL keeps as well, by the names of its constraints, and what a caller who breaks one is told.

The use cases check the same rules first and say more. Load-bearing: what only two calls at once can break (an `external_id` taken twice)
is found here and nowhere else. A constraint that is not in the table guards against a bug of ours: breaking it crashes, and is logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from kit.database import constraint_of
from kit.problems import Conflict, FieldError, Problem, Unprocessable, answer


class ExternalIdTaken(Conflict):
    slug, title = "external-id-taken", "Another listing of yours has this external_id"


class QuantityGone(Conflict):
    slug, title = "gone", "That much is no longer there"


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that was broken: the field whose rule it is, and what to change."""

    field: str
    message: str
    kind: type[Problem] = Unprocessable

    def problem(self) -> Problem:
        return self.kind(f"{self.field}: {self.message}", [FieldError(self.field, self.message)])


TAKEN = Breach("external_id", "another listing of yours has it: change that one, or use another", ExternalIdTaken)
CHOICES = (
    *("organisations_kind", "people_language", "licences_kind", "licences_evidence", "offers_state", "offers_rhythm", "offers_grade"),
    *("wants_state", "wants_rhythm", "wants_min_grade"),
)
BREACHES: Mapping[str, Breach] = {
    "sites_on_earth": Breach("latitude", "lies from -90 to 90, and a longitude from -180 to 180"),
    "offers_external_id_once": TAKEN,
    "offers_quantity_positive": Breach("quantity", "must be more than 0"),
    "offers_never_oversold": Breach("quantity", "deals have taken more than that", QuantityGone),
    "offers_minimum_lot_positive": Breach("minimum_lot", "must be more than 0"),
    "offers_window": Breach("available_until", "lies before the beginning of the window: put the end after it"),
    "wants_external_id_once": TAKEN,
    "wants_minimum_positive": Breach("minimum", "must be more than 0"),
    "wants_minimum_within_maximum": Breach("minimum", "is more than the maximum: lower it, or raise the maximum"),
    "wants_never_overfilled": Breach("maximum", "deals have brought more than that", QuantityGone),
    "wants_radius_positive": Breach("radius_km", "must be more than 0"),
    "wants_window": Breach("needed_until", "lies before the beginning of the window: put the end after it"),
} | {f"{choice}_known": Breach(choice.partition("_")[2], "is none of the choices that there are") for choice in CHOICES}


def breach_of(error: IntegrityError) -> Problem | None:
    """What to tell the caller; None where the rule was not his to break."""
    found = BREACHES.get(constraint_of(error) or "")
    return None if found is None else found.problem()


async def answer_breach(_: Request, error: Exception) -> Response:
    """For the part's edge. The transaction is rolled back already."""
    assert isinstance(error, IntegrityError)
    if (problem := breach_of(error)) is None:
        raise error
    return answer(problem)
