"""`Idempotency-Key`: the answer to a POST is kept with its effect, in one transaction, for 24 hours (api.md).

The same key and body get the stored answer, another body 422, and while the first is in flight 409. Load-bearing: the key is
guarded by an advisory lock of the transaction, so two calls at once can never both do the work.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from kit.problems import Conflict, Unprocessable, refused

HEADER = "idempotency-key"
KEPT = timedelta(hours=24)
TABLE = """
create table idempotency (
  organisation_id uuid not null,
  key text not null,
  request_hash bytea not null,
  status smallint not null,
  media_type text,
  body bytea not null,
  created_at timestamptz not null,
  constraint idempotency_pk primary key (organisation_id, key)
)
"""


class KeyInFlight(Conflict):
    slug, title = "idempotency-key-in-flight", "The first call with this key is still at work"


class KeyReused(Unprocessable):
    slug, title = "idempotency-key-reused", "This key belongs to another request"


def key_of(request: Request) -> str | None:
    """The key of a POST. Raises 422 for one that is empty or longer than 255 characters."""
    key = request.headers.get(HEADER) if request.method == "POST" else None
    if key is not None and not (1 <= len(key) <= 255 and key.isprintable()):
        raise refused("Idempotency-Key", "must have 1 to 255 printable characters")
    return key


async def request_hash(request: Request) -> bytes:
    """What makes two requests the same: the call and its body."""
    return hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()).digest()


async def kept_answer(session: AsyncSession, organisation: UUID, key: str, digest: bytes, now: datetime) -> Response | None:
    """The stored answer to this key, if it is not yet a day old. Takes the key's lock until the transaction ends."""
    lock = text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    if not (await session.execute(lock, {"name": f"{organisation}/{key}"})).scalar_one():
        raise KeyInFlight("a request with this Idempotency-Key is at work; ask again in a moment", headers={"Retry-After": "1"})
    query = text("select * from idempotency where organisation_id = :organisation and key = :key and created_at > :since")
    found = (await session.execute(query, {"organisation": organisation, "key": key, "since": now - KEPT})).mappings().first()
    if found is None:
        return None
    if found["request_hash"] != digest:
        raise KeyReused("this Idempotency-Key was used for another request: use a new key")
    return Response(found["body"], found["status"], {"Idempotent-Replayed": "true"}, found["media_type"])


async def keep_answer(session: AsyncSession, organisation: UUID, key: str, digest: bytes, response: Response, now: datetime) -> None:
    """Stores the answer beside its effect; an expired one of the same key gives way."""
    statement = text(
        "insert into idempotency values (:organisation, :key, :hash, :status, :media, :body, :now)"
        " on conflict (organisation_id, key) do update set request_hash = excluded.request_hash, status = excluded.status,"
        " media_type = excluded.media_type, body = excluded.body, created_at = excluded.created_at"
    )
    values = {"organisation": organisation, "key": key, "hash": digest, "status": response.status_code}
    body = {"media": response.headers.get("content-type"), "body": bytes(response.body), "now": now}
    await session.execute(statement, values | body)


async def prune_answers(session: AsyncSession, now: datetime) -> None:
    """Forgets what is older than a day."""
    await session.execute(text("delete from idempotency where created_at <= :since"), {"since": now - KEPT})
