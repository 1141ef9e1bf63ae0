"""What matching reads and writes, in plain asyncpg: every statement is for a whole batch.

Load-bearing: `fence`. An effect commits only while its process owns the partition at the epoch it believes in (design.md, Fencing).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import asyncpg

from contracts.envelope import Event
from contracts.listings import OfferFact, WantFact
from kit.consumer import FencedError
from kit.outbox import OUTBOX_COLUMNS, Route, outbox_values
from services.matching.market import Fact, KeptAnswer, PairKey, Told, side_of

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Point = Callable[[str], Awaitable[None]]
FACTS: dict[str, type[OfferFact] | type[WantFact]] = {"offer": OfferFact, "want": WantFact}


async def no_point(_: str) -> None:
    """Where tests stall or kill a process, and production passes by."""


async def fence(connection: Connection, partition: int, epoch: int) -> None:
    """Holds the partition's row, shared, until the effect commits. Raises FencedError where another epoch has begun."""
    query = "select 1 from partition_owner where partition = $1 and epoch = $2 for share"
    if await connection.fetchval(query, partition, epoch) is None:
        raise FencedError(f"partition {partition} has left epoch {epoch}")


@dataclass(frozen=True, slots=True)
class Stored:
    """One partition, as its tables have it. facts: to be gone through once; each is read when its turn comes."""

    facts: Iterable[Fact]
    told: dict[PairKey, Told]
    answers: dict[PairKey, KeptAnswer]


async def stored_market(connection: Connection, partition: int) -> Stored:
    """Everything from which a partition's market is rebuilt."""
    standing = await connection.fetch("select side, fact from standing where partition = $1", partition)
    told = await connection.fetch("select * from told_pairs where partition = $1", partition)
    answers = await connection.fetch("select * from answers where partition = $1", partition)
    return Stored(
        (FACTS[row["side"]].model_validate_json(row["fact"]) for row in standing),
        {
            (row["offer_id"], row["want_id"]): Told(row["version"], row["state"] == "lapsed", row["holder_told"], row["seeker_told"])
            for row in told
        },
        {
            (row["offer_id"], row["want_id"]): KeptAnswer(row["deal_id"], row["version"], row["state"], tuple(row["accepted_by"]))
            for row in answers
        },
    )


async def heard(pool: asyncpg.Pool[asyncpg.Record], listing_id: UUID) -> dict[int, Fact]:
    """What every partition has heard of a listing, whoever owns it."""
    rows = await pool.fetch("select partition, side, fact from standing where listing_id = $1", listing_id)
    return {row["partition"]: FACTS[row["side"]].model_validate_json(row["fact"]) for row in rows}


async def last_heard(pool: asyncpg.Pool[asyncpg.Record], listing_ids: Sequence[UUID]) -> dict[UUID, Fact]:
    """These listings by their newest events."""
    query = "select distinct on (listing_id) side, fact from standing where listing_id = any($1::uuid[]) order by listing_id, version desc"
    facts = [FACTS[row["side"]].model_validate_json(row["fact"]) for row in await pool.fetch(query, listing_ids)]
    return {fact.id: fact for fact in facts}


async def keep_standing(connection: Connection, partition: int, facts: Sequence[Fact]) -> None:
    """Listings as their newest events say; an older version changes nothing."""
    await connection.execute(
        "insert into standing (partition, listing_id, side, version, fact)"
        " select $1, * from unnest($2::uuid[], $3::text[], $4::int[], $5::text[])"
        " on conflict (partition, listing_id) do update set version = excluded.version, fact = excluded.fact"
        " where standing.version < excluded.version",
        partition,
        [fact.id for fact in facts],
        [side_of(fact) for fact in facts],
        [fact.version for fact in facts],
        [fact.model_dump_json() for fact in facts],
    )


async def keep_told(connection: Connection, partition: int, told: Sequence[tuple[PairKey, Told]]) -> None:
    """The pairs that were told, or lapsed, by this batch."""
    await connection.execute(
        "insert into told_pairs (partition, offer_id, want_id, version, state, holder_told, seeker_told)"
        " select $1, * from unnest($2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[])"
        " on conflict (offer_id, want_id) do update set version = excluded.version, state = excluded.state,"
        " holder_told = excluded.holder_told, seeker_told = excluded.seeker_told",
        partition,
        [key[0] for key, _ in told],
        [key[1] for key, _ in told],
        [one.version for _, one in told],
        ["lapsed" if one.is_lapsed else "told" for _, one in told],
        [one.holder_told for _, one in told],
        [one.seeker_told for _, one in told],
    )


async def keep_answers(connection: Connection, partition: int, answers: Sequence[tuple[PairKey, KeptAnswer]]) -> None:
    """Answers, if newer: the reply to a call and the event of the same deal may come in either order."""
    await connection.executemany(
        "insert into answers (partition, offer_id, want_id, deal_id, version, state, accepted_by, updated_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, now()) on conflict (offer_id, want_id) do update set deal_id = excluded.deal_id,"
        " version = excluded.version, state = excluded.state, accepted_by = excluded.accepted_by, updated_at = excluded.updated_at"
        " where answers.version < excluded.version",
        [(partition, *key, one.deal_id, one.version, one.state, list(one.accepted_by)) for key, one in answers],
    )


async def publish(connection: Connection, events: Sequence[tuple[Event, Sequence[Route]]], at: Point = no_point) -> None:
    """The batch's events into the outbox, by COPY."""

    async def rows() -> AsyncIterator[tuple[UUID, str, str, bytes, str]]:
        for event, routes in events:
            yield outbox_values(event, routes)
            await at("inside_copy")

    if events:
        await connection.copy_records_to_table("outbox", records=rows(), columns=OUTBOX_COLUMNS)
