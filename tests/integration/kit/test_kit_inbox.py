"""The inbox: what was taken is known, in the transaction of its effect."""

from __future__ import annotations

import asyncpg

from kit.ids import new_id
from kit.inbox import prune_inbox, unseen


async def test_only_what_is_new_to_this_consumer_is_unseen(pool: asyncpg.Pool) -> None:
    first, second = new_id(), new_id()
    async with pool.acquire() as connection:
        assert await unseen(connection, "one", [first, first]) == {first}
        assert await unseen(connection, "one", [second, first]) == {second}
        assert await unseen(connection, "two", [first]) == {first}
        assert await unseen(connection, "two", []) == set()


async def test_a_mark_of_a_rolled_back_effect_is_gone(pool: asyncpg.Pool) -> None:
    event = new_id()
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        assert await unseen(connection, "one", [event]) == {event}
        await transaction.rollback()
        assert await unseen(connection, "one", [event]) == {event}


async def test_old_marks_are_pruned(pool: asyncpg.Pool, owner: asyncpg.Connection) -> None:
    old, young = new_id(), new_id()
    async with pool.acquire() as connection:
        await unseen(connection, "one", [old])
        await owner.execute("update shop.inbox set seen_at = now() - interval '9 days'")
        await unseen(connection, "one", [young])

        assert await prune_inbox(connection) == 1
        assert await unseen(connection, "one", [old, young]) == {old}
