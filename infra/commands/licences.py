"""`ayni licences list|check`: the papers that organisations declare, and what the operator has seen of them.

Evidence is what a match rests on where the law asks for a paper, so a change of it is told of all that the holder wants, at once.
"""

from __future__ import annotations

import argparse
from typing import get_args
from uuid import UUID

from contracts.catalogue import load_catalogue
from contracts.values import Evidence
from infra.commands.command import Arguments, Command, Group, on_loop, settings_of, var_option
from infra.commands.excuses import CannotError
from infra.commands.organisations import one_named
from infra.commands.table import counted, plain, table
from infra.operating.listings import transaction
from infra.operating.reach import reached
from kit.clock import system_clock
from kit.problems import NotFound
from services.listings.organisation import Licence, Organisation
from services.listings.repository.organisations import held_licences
from services.listings.rules import Rules
from services.listings.service.verifying import AnotherCatalogueError, check_licence

HEAD = ("tax id", "name", "licence", "number", "valid until", "evidence", "id")


def _row(licence: Licence, holder: Organisation) -> tuple[object, ...]:
    return holder.tax_id, holder.name, licence.kind, licence.number, licence.valid_until or "open", licence.evidence, licence.id


async def _list(arguments: Arguments) -> None:
    async with reached(settings_of(arguments)) as exchange, transaction(exchange) as session:
        holder = await one_named(session, arguments.organisation) if arguments.organisation else None
        found = await held_licences(session, None if holder is None else holder.id, arguments.evidence)
    rows = [_row(*one) for one in found]
    print(table(HEAD, rows), end="\n" if rows else "")  # noqa: T201 - for people
    print(counted(len(rows), "licence"))  # noqa: T201 - for people


async def _check(arguments: Arguments) -> None:
    settings = settings_of(arguments)
    rules = Rules(load_catalogue(settings.catalogue))
    async with reached(settings) as exchange:
        try:
            async with transaction(exchange) as session:
                found = await check_licence(session, rules, _id(arguments.licence), arguments.evidence, system_clock())
        except NotFound:
            raise CannotError(f"there is no licence {arguments.licence}: `ayni licences list` shows them all") from None
        except AnotherCatalogueError:
            raise CannotError(
                "this exchange has run with another catalogue: name its folder in CATALOGUE, or start it once with this one"
            ) from None
    licence, holder, is_news = found
    told = "what it wants is told again" if is_news else "as before"
    print(f"{licence.kind} {plain(licence.number)} of {plain(holder.name)}: evidence {licence.evidence}, {told}")  # noqa: T201 - for people


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CannotError(f"{plain(text)} is no id of a licence: `ayni licences list` shows them all") from None


def _list_options(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("--organisation", help="only of this one: its tax id, or its id")
    parser.add_argument("--evidence", choices=get_args(Evidence), help="only those that rest on this")


def _check_options(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("licence", help="its id")
    parser.add_argument(
        "--evidence", choices=get_args(Evidence), required=True, help="declared, a document that was seen, or checked with who issued it"
    )


LICENCES = Group(
    "licences",
    "The papers that open gates of the law, and what they rest on.",
    (
        Command("list", "List them with their holders.", _list_options, lambda it: on_loop(_list(it), "WARNING")),
        Command("check", "Say what you have seen of one.", _check_options, lambda it: on_loop(_check(it), "WARNING")),
    ),
)
