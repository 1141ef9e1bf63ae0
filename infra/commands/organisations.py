"""`ayni organisations list|verify|unverify`: who has joined, and whom the operator knows to be who they say they are."""

from __future__ import annotations

import argparse
from typing import get_args

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.listings import OrganisationKind
from infra.commands.command import Arguments, Command, Group, on_loop, settings_of, var_option
from infra.commands.excuses import CannotError
from infra.commands.table import counted, plain, table
from infra.operating.listings import transaction
from infra.operating.reach import reached
from services.listings.organisation import Organisation
from services.listings.repository.organisations import all_organisations, organisations_named
from services.listings.service.verifying import verify_organisation

HEAD = ("tax id", "name", "kind", "verified", "joined", "id")


async def one_named(session: AsyncSession, name: str) -> Organisation:
    """The organisation of this id or tax id. Raises CannotError."""
    found = await organisations_named(session, name)
    if not found:
        raise CannotError(f"no organisation has the tax id or id {plain(name)}: `ayni organisations list` shows them all")
    if len(found) > 1:
        raise CannotError(f"organisations of several countries have the tax id {plain(name)}: name one by its id")
    return found[0]


def said(is_verified: bool) -> str:
    """In the table."""
    return "yes" if is_verified else "no"


async def _list(arguments: Arguments) -> None:
    async with reached(settings_of(arguments)) as exchange, transaction(exchange) as session:
        found = await all_organisations(session, arguments.kind, False if arguments.unverified else None)
    rows = [(one.tax_id, one.name, one.kind, said(one.is_verified), f"{one.created_at:%Y-%m-%d}", one.id) for one in found]
    print(table(HEAD, rows), end="\n" if rows else "")  # noqa: T201 - for people
    print(counted(len(rows), "organisation"))  # noqa: T201 - for people


async def _verify(arguments: Arguments, is_verified: bool) -> None:
    async with reached(settings_of(arguments)) as exchange, transaction(exchange) as session:
        organisation = await one_named(session, arguments.organisation)
        is_news = await verify_organisation(session, organisation.id, is_verified)
    state = "verified" if is_verified else "not verified"
    print(f"{plain(organisation.name)} ({organisation.tax_id}) is {state}{'' if is_news else ', as before'}")  # noqa: T201 - for people


def _list_options(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("--kind", choices=get_args(OrganisationKind), help="only of this kind")
    parser.add_argument("--unverified", action="store_true", help="only those that nobody has verified")


def _one_options(parser: argparse.ArgumentParser) -> None:
    var_option(parser)
    parser.add_argument("organisation", help="its tax id, or its id")


ORGANISATIONS = Group(
    "organisations",
    "Who has joined, and whom the operator has verified.",
    (
        Command("list", "List them, in the order of joining.", _list_options, lambda it: on_loop(_list(it), "WARNING")),
        Command("verify", "Say that it is who it says it is.", _one_options, lambda it: on_loop(_verify(it, True), "WARNING")),
        Command("unverify", "Take that back.", _one_options, lambda it: on_loop(_verify(it, False), "WARNING")),
    ),
)
