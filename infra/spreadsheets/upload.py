"""Sending a spreadsheet to an exchange: streamed, with what has been sent for those who watch, and every no in words.

Load-bearing: the file is sent whole, because the exchange takes a file in one transaction; its length is sent first, so that one that is
too large is refused before it is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import httpx

CHUNK_BYTES = 2**16
TIMEOUT = httpx.Timeout(60, connect=10, read=600)
CONTENT_TYPE = "text/csv"
UNKNOWN_OUTCOME = "the exchange has taken the whole file, or nothing of it. Send it again: what is there already is not written twice"


class UploadError(RuntimeError):
    """The exchange cannot be reached, or does not take the file; the message says what to do."""


@dataclass(slots=True)
class Upload:
    """A file on its way. size, sent: bytes; lines: that have been sent."""

    file: BinaryIO
    size: int
    sent: int = 0
    lines: int = 0

    @property
    def is_sent(self) -> bool:
        return self.sent >= self.size

    async def chunks(self) -> AsyncIterator[bytes]:
        while chunk := await asyncio.to_thread(self.file.read, CHUNK_BYTES):
            yield chunk
            self.sent += len(chunk)
            self.lines += chunk.count(b"\n")


async def send(client: httpx.AsyncClient, side: str, upload: Upload, is_trial: bool) -> Mapping[str, Any]:
    """The exchange's report: created, updated, rejected. Raises UploadError."""
    headers = {"Content-Type": CONTENT_TYPE, "Content-Length": str(upload.size)}
    query = {"dry_run": "true"} if is_trial else {}
    try:
        answer = await client.post(f"/v1/{side}/import", content=upload.chunks(), headers=headers, params=query)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise UploadError(f"{client.base_url} does not answer ({error}): does the exchange run, and is this its address?") from None
    except httpx.TransportError as error:
        raise UploadError(f"the connection broke before the exchange answered ({type(error).__name__}): {UNKNOWN_OUTCOME}") from None
    return _report(answer)


def _report(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if answer.status_code == httpx.codes.OK and isinstance(found, dict) and found.keys() >= {"created", "updated", "rejected"}:
        return found
    if not isinstance(found, dict) or "detail" not in found:
        raise UploadError(f"{answer.url.copy_with(query=None)} answers {answer.status_code}, and is no Ayni exchange: is this its address?")
    raise UploadError(_refusal(answer.status_code, str(found["detail"])))


def _refusal(status: int, detail: str) -> str:
    if status == httpx.codes.UNAUTHORIZED:
        return f"the exchange does not know you: {detail}"
    if status == httpx.codes.FORBIDDEN:
        return f"this key may not import: {detail}"
    if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        return f"the file is too large: {detail}. Split it into several files, each with the line that names the columns"
    if status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.CONFLICT):
        return f"not now: {detail}"
    return f"the exchange does not take this file: {detail}"
