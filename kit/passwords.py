"""Passwords: argon2id at OWASP's figures (m = 19456 KiB, t = 2, p = 1), in threads, a few at a time.

Load-bearing: hashing holds a core for 30 ms, so it never runs on the loop, and a flood of sign-ins queues instead of filling memory.
"""

from __future__ import annotations

import asyncio

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

AT_ONCE = 4
_hash = PasswordHash((Argon2Hasher(memory_cost=19456, time_cost=2, parallelism=1),))
_NOBODY = _hash.hash("nobody has this password")
_gate = asyncio.Semaphore(AT_ONCE)


async def hash_password(password: str) -> str:
    """The argon2id hash, with its parameters."""
    async with _gate:
        return await asyncio.to_thread(_hash.hash, password)


async def is_password(password: str, hashed: str | None) -> bool:
    """Whether it is the password; takes as long where there is no such person (None), so that nobody learns who has joined."""
    async with _gate:
        matches = await asyncio.to_thread(_hash.verify, password, hashed or _NOBODY)
    return matches and hashed is not None
