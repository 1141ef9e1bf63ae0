"""Answers to matches come in here, because matching knows what is a match; listings takes them, because it owns the quantities."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from contracts.matching import Match, match_id
from kit.crashing import crash_point
from kit.identity import Caller
from kit.problems import Conflict, NotFound
from services.matching import repository
from services.matching.calls import Listings
from services.matching.market import KeptAnswer, Market, PairKey
from services.matching.reading import match_by_id


class NotAMatchNow(Conflict):
    slug, title = "not-a-match-now", "It is no match now"


class NothingAnswered(Conflict):
    slug, title = "nothing-answered", "Nothing has been answered to this match"


def read_pair(text: str) -> PairKey:
    """`<offer id>.<want id>`. Raises 404 for anything else."""
    offer, _, want = text.partition(".")
    try:
        return UUID(offer), UUID(want)
    except ValueError:
        raise NotFound("there is no such match") from None


def pair_id(pair: PairKey) -> str:
    return match_id(*pair)


def found_match(market: Market, pair: PairKey, caller: Caller) -> Match:
    """The match, to one of its sides. Raises 404."""
    match = match_by_id(market, pair, caller.organisation_id)
    if match is None:
        raise NotFound("there is no such match")
    return match


def check_answerable(match: Match, verb: str) -> None:
    """Only an open match can be answered; what was answered before, listings judges. Raises 409."""
    if verb in ("accept", "decline") and match.state in ("blocked", "lapsed"):
        missing = f": {match.blocked_by[0]}" if match.blocked_by else ""
        raise NotAMatchNow(f"this match is {match.state}{missing}")
    if verb in ("release", "withdraw") and match.deal_id is None:
        raise NothingAnswered("nothing has been answered to this match")


async def answer(
    pool: asyncpg.Pool[asyncpg.Record],
    market: Market,
    listings: Listings,
    pair: PairKey,
    verb: str,
    body: dict[str, Any],
    caller: Caller,
    idempotency_key: str | None,
) -> Match:
    """One side's answer; the match as it is then, whoever owns the market by then. Raises 404, 409, 422."""
    check_answerable(found_match(market, pair, caller), verb)
    request = {"offer_id": str(pair[0]), "want_id": str(pair[1]), "verb": verb, **body}
    deal = await listings.answer(request, caller, idempotency_key)
    crash_point("matching.answer.before_memory")
    await remember(pool, market, pair, KeptAnswer.of(deal))
    return found_match(market, pair, caller)


async def remember(pool: asyncpg.Pool[asyncpg.Record], market: Market, pair: PairKey, kept: KeptAnswer) -> None:
    """Known to lists and telling at once, not only when the event comes."""
    market.keep_reply(pair, kept)
    async with pool.acquire() as connection:
        await repository.keep_answers(connection, market.partition, [(pair, kept)])
