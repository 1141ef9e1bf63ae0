"""The mailer port: hands a mail over, and says what became of it. Two adapters, one suite: an SMTP server, and a folder.

Load-bearing: `Unsure`. Once the text of a mail is on its way, silence is no refusal: the server may have taken it and died before it said
so. Only an answer of the server's own is an answer.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPRecipientRefused, SMTPResponseException

from services.notifications.mail import Mail

GOODBYE_SECONDS = 1.0
HOW = {"smtp": None, "smtp+starttls": True, "smtp+plain": False, "smtps": False}
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtp+plain": 25, "smtps": 465}
SIGN_IN = frozenset({530, 534, 535, 538})  # RFC 4954, section 6
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class MailError(Exception):
    """It was not handed over. The message says why, without the recipient's address."""


class RefusedError(MailError):
    """For good: to repeat it would be refused again."""


class DeferredError(MailError):
    """Not now: it has not arrived, and may be tried again."""


class UnreachableError(DeferredError):
    """Nothing can be handed over now, this mail or another."""


class UnsureError(MailError):
    """It may have arrived, or not: it is tried again, and must be the same mail."""


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Returns when it has been taken. Raises RefusedError, DeferredError, UnreachableError or UnsureError."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """starttls: None takes it where it is offered; username None: nobody signs in."""

    host: str
    port: int
    is_tls: bool
    starttls: bool | None
    username: str | None
    password: str | None


def server_of(url: str) -> SmtpServer:
    """`smtp://`, `smtp+starttls://`, `smtp+plain://` or `smtps://`, with user, password and port where they are needed. Raises ValueError.

    A password goes over an encrypted connection, or to this machine."""
    try:
        found = urlsplit(url)
        scheme, host, port = found.scheme, found.hostname, found.port
    except ValueError:
        raise ValueError("has a port that is no number from 1 to 65535") from None
    if scheme not in HOW or not host or found.path not in ("", "/") or found.query or found.fragment:
        raise ValueError(f"must look like smtp://user:password@mail.example.pe:587; it may begin with {', '.join(HOW)}")
    username = unquote(found.username) if found.username else None
    starttls = True if scheme == "smtp" and username and host not in LOOPBACK else HOW[scheme]
    return SmtpServer(host, port or PORTS[scheme], scheme == "smtps", starttls, username, unquote(found.password or "") or None)


class SmtpMailer:
    """Over a connection of its own for each mail, so that none waits behind another; the whole of it within `seconds`."""

    def __init__(self, server: SmtpServer, seconds: float) -> None:
        self.server, self.seconds = server, seconds

    async def send(self, mail: Mail) -> None:
        """See Mailer."""
        client, deadline = self._client(mail), asyncio.get_running_loop().time() + self.seconds
        try:
            await _reach(client, deadline)
            await _envelope(client, mail, deadline)
            await _content(client, mail, deadline)
            with suppress(SMTPException, OSError):
                await client.quit(timeout=GOODBYE_SECONDS)
        finally:
            client.close()

    def _client(self, mail: Mail) -> SMTP:
        return SMTP(
            hostname=self.server.host,
            port=self.server.port,
            username=self.server.username,
            password=self.server.password,
            use_tls=self.server.is_tls,
            start_tls=self.server.starttls,
            local_hostname=mail.sender.rpartition("@")[2],
            timeout=self.seconds,
        )


async def _reach(client: SMTP, deadline: float) -> None:
    """Connected, encrypted, signed in. Whatever goes wrong here says nothing of the mail."""
    try:
        async with asyncio.timeout_at(deadline):
            await client.connect()
            await client.ehlo()
    except (SMTPException, OSError) as error:
        raise UnreachableError(f"the mail server cannot be reached: {_said(error)}") from error


async def _envelope(client: SMTP, mail: Mail, deadline: float) -> None:
    options, encoding = (["SMTPUTF8"], "utf-8") if mail.has_utf8_address else ([], "ascii")
    if options and not client.supports_extension("smtputf8"):
        raise RefusedError("the mail server cannot take an address with letters beyond ASCII")
    try:
        async with asyncio.timeout_at(deadline):
            await client.mail(mail.sender, options=options, encoding=encoding)
            await client.rcpt(mail.recipient, encoding=encoding)
    except SMTPResponseException as error:
        raise _answered(error) from error
    except (SMTPException, OSError) as error:
        raise UnreachableError(f"the mail server fell silent before the mail: {_said(error)}") from error


async def _content(client: SMTP, mail: Mail, deadline: float) -> None:
    try:
        async with asyncio.timeout_at(deadline):
            await client.data(mail.content)
    except SMTPResponseException as error:
        raise _answered(error) from error
    except (SMTPException, OSError) as error:
        raise UnsureError(f"the mail server fell silent after the mail: {_said(error)}") from error


def _answered(error: SMTPResponseException) -> MailError:
    """By the first digit (RFC 5321, section 4.2.1); what is no answer of SMTP leaves it open; "sign in first" is about us."""
    if error.code in SIGN_IN:
        return UnreachableError(f"the mail server wants a password: {_said(error)}")
    match error.code // 100:
        case 5:
            return RefusedError(_said(error))
        case 4:
            return DeferredError(_said(error))
        case _:
            return UnsureError(_said(error))


def _said(error: Exception) -> str:
    """A server's answer to RCPT often repeats the address: only its code is kept."""
    if isinstance(error, SMTPRecipientRefused):
        return f"the recipient is refused with {error.code}"
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    return type(error).__name__


class FolderMailer:
    """Each mail a file in a folder, for an exchange without a mail server. The same mail again takes the place of the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def send(self, mail: Mail) -> None:
        """See Mailer."""
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            raise UnreachableError(f"the mail cannot be written: {error.strerror}") from error

    def _write(self, mail: Mail) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = self.folder / f".{mail.message_id}.unfinished"
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(mail.content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.folder / f"{mail.message_id}.eml")
