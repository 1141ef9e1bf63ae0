"""The catalogue, for everybody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from contracts.catalogue import Material
from contracts.values import Phrase
from kit.pagination import After, Limit, Page, cursor, read_cursor
from kit.problems import NotFound, refused
from services.listings.routes.state import TheRules

router = APIRouter(tags=["catalogue"])


@router.get("/v1/materials")
async def materials(
    rules: TheRules, q: Annotated[Phrase, Query()] = "", family: Annotated[Phrase, Query()] = "", limit: Limit = 20, after: After = None
) -> Page[Material]:
    """Materials by name or synonym in Spanish or English, as people say them ("retazos"); all of them without `q`."""
    found = rules.catalogue.search(q, family or None)
    begin = 0 if after is None else _place(read_cursor("materials", after))
    following = cursor("materials", begin + limit) if len(found) > begin + limit else None
    return Page(items=found[begin : begin + limit], next=following)


def _place(key: list[object]) -> int:
    match key:
        case [int(place)] if place >= 0:
            return place
    raise refused("after", "is no cursor of this list: use `next` of a page before, as it was given")


@router.get("/v1/materials/{code}")
async def material(code: str, rules: TheRules) -> Material:
    """One material by its code."""
    if (found := rules.catalogue.get(code)) is None:
        raise NotFound(rules.unknown_material("code", code).message)
    return found
