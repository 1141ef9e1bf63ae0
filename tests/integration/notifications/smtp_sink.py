"""A real SMTP server (aiosmtpd) that takes mails, or does to them what bad servers do."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from ssl import SSLContext
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

HANG, DROP, DROP_UNTAKEN = "hang", "drop", "drop untaken"
TAKE = "250 taken"


@dataclass(frozen=True)
class Taken:
    """A mail that came in whole."""

    recipient: str
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        found = message_from_bytes(self.content, policy=SMTP_POLICY)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def id(self) -> str:
        return str(self.mail["Message-ID"])

    @property
    def text(self) -> str:
        body = self.mail.get_body(("plain",))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")


class Sink:
    """taken: every mail that came in whole, whatever the answer was, in its order. at_rcpt, at_data: what is answered next, then TAKE.

    HANG: nothing, ever. DROP: the mail is taken, and the connection ends without a word; DROP_UNTAKEN: it ends before the mail."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.at_rcpt: list[str] = []
        self.at_data: list[str] = []
        self.always: str | None = None
        self.before_answer: Callable[[], None] = lambda: None
        self.changed = asyncio.Event()

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.at_rcpt.pop(0) if self.at_rcpt else TAKE
        if answer == DROP_UNTAKEN:
            self._drop(server)
        if answer == TAKE:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.always or (self.at_data.pop(0) if self.at_data else TAKE)
        assert isinstance(envelope.original_content, bytes)
        self.taken.append(Taken(envelope.rcpt_tos[0], envelope.original_content))
        self.before_answer()
        self.changed.set()
        if answer == HANG:
            await asyncio.Event().wait()
        if answer == DROP:
            self._drop(server)
        return answer

    def _drop(self, server: SMTP) -> None:
        assert server.transport is not None
        server.transport.abort()  # type: ignore[attr-defined] # a transport that writes, which aiosmtpd does not say
        raise ConnectionResetError("dropped")

    def counted(self) -> Counter[str]:
        """How often each Message-ID came."""
        return Counter(taken.id for taken in self.taken)

    def to(self, email: str) -> list[Taken]:
        return [taken for taken in self.taken if taken.recipient == email]


@asynccontextmanager
async def listening(sink: Sink, ssl: SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """The port on 127.0.0.1 that it listens on, in this loop. ssl: encrypted from the first byte; options: of aiosmtpd's SMTP."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, enable_SMTPUTF8=True, hostname="sink", **options), "127.0.0.1", 0, ssl=ssl)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@contextmanager
def listening_aside(sink: Sink) -> Iterator[int]:
    """The same in a thread of its own, for tests that have no loop."""
    begun: Future[tuple[int, Callable[[], None]]] = Future()

    async def listen() -> None:
        async with listening(sink) as port:
            is_over, loop = asyncio.Event(), asyncio.get_running_loop()
            begun.set_result((port, lambda: loop.call_soon_threadsafe(is_over.set) and None))
            await is_over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    port, end = begun.result(timeout=60)
    try:
        yield port
    finally:
        end()
        thread.join(timeout=60)
