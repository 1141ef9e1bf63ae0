"""A letter as a mail (RFC 5322): text and HTML, one recipient, and the link to unsubscribe in its head (RFC 8058). Pure.

Load-bearing: the same delivery makes the same bytes with the same Message-ID whenever it is made again, so that a mail that went out
twice, because nobody knew whether the first had arrived, is seen to be one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, getaddresses
from hashlib import sha256
from html import escape
from typing import Any

from services.notifications.letter import Letter, Point

UNFOLDED = frozenset({"list-unsubscribe", "message-id"})
BOUNDARY_CHARACTERS = 32  # a longer one is written in a way (RFC 2231) that some mail programs cannot read
MISREAD = re.compile(r'[\s()<>\[\]:;,\\"@]')
DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")


class AddressError(ValueError):
    """What no mail server would read as the one address that was meant."""


class _Policy(EmailPolicy):
    """SMTP's, but that a URL and a Message-ID stay whole on their line: a URL would be folded into words that no program reads back."""

    def fold(self, name: str, value: Any) -> str:
        if name.lower() in UNFOLDED:
            return f"{name}: {value}{self.linesep}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in UNFOLDED:
            return self.fold(name, value).encode("ascii")
        folded: bytes = super().fold_binary(name, value)
        return folded


ASCII = _Policy(linesep="\r\n", cte_type="7bit")
WITH_UTF8_ADDRESSES = ASCII.clone(utf8=True)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who it is from and for. at: its Date, the moment from which it was due, whenever it goes out at last."""

    message_id: str
    sender: str
    name: str
    email: str
    unsubscribe_url: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Mail:
    """Ready to be handed over. has_utf8_address: only a server with SMTPUTF8 (RFC 6531) can take it."""

    message_id: str
    sender: str
    recipient: str
    content: bytes
    has_utf8_address: bool


def sender_of(text: str) -> Address:
    """The address that mails come from, as `Ayni <avisos@example.pe>` or bare. Raises AddressError."""
    match getaddresses([text]):
        case [(name, email)]:
            return address_of(name, email)
    raise AddressError("is not one address, such as Ayni <avisos@example.pe>")


def address_of(name: str, email: str) -> Address:
    """Raises AddressError for one that could be read as something else; a domain is written as DNS knows it."""
    local, _, domain = email.rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        raise AddressError("has a domain that cannot be") from None
    if not local or not local.isprintable() or MISREAD.search(local) or not DOMAIN.fullmatch(domain):
        raise AddressError("is no address that a mail server would understand")
    return Address(_one_line(name), local, domain)


def _one_line(name: str) -> str:
    return "".join(character if character.isprintable() else " " for character in name).strip()


def written(letter: Letter, envelope: Envelope) -> Mail:
    """Raises AddressError."""
    sender, recipient = sender_of(envelope.sender), address_of(envelope.name, envelope.email)
    has_utf8 = not (recipient.addr_spec.isascii() and sender.addr_spec.isascii())
    mail = EmailMessage(WITH_UTF8_ADDRESSES if has_utf8 else ASCII)
    mail["Date"] = format_datetime(envelope.at)
    mail["From"], mail["To"] = sender, recipient
    mail["Subject"] = letter.subject
    mail["Message-ID"] = f"<{envelope.message_id}@{sender.domain}>"
    mail["List-Unsubscribe"] = f"<{envelope.unsubscribe_url}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(plain(letter, envelope.unsubscribe_url), cte="quoted-printable")
    mail.add_alternative(html(letter, envelope.unsubscribe_url), subtype="html", cte="quoted-printable")
    mail["Content-Language"] = letter.language
    mail.set_boundary(f"=_{sha256(envelope.message_id.encode()).hexdigest()[:BOUNDARY_CHARACTERS]}")
    return Mail(envelope.message_id, sender.addr_spec, recipient.addr_spec, mail.as_bytes(), has_utf8)


def plain(letter: Letter, unsubscribe_url: str) -> str:
    """For those who read text."""
    points = [_plain_point(letter, point) for point in letter.points]
    said = [letter.greeting, *points, *([letter.more] if letter.more else []), f"{letter.where} {letter.url}"]
    return "\n\n".join([*said, f"-- \n{letter.why}\n{letter.stop}:\n{unsubscribe_url}"]) + "\n"


def _plain_point(letter: Letter, point: Point) -> str:
    answer = f"\n{letter.answer}:\n{point.answer_url}" if point.answer_url else ""
    return f"{point.text}\n({point.reference}){answer}"


def html(letter: Letter, unsubscribe_url: str) -> str:
    """For those who see pictures; there are none, and nothing is fetched, so nobody learns that it was opened."""
    points = "\n".join(_html_point(letter, point) for point in letter.points)
    more = f"\n<p>{escape(letter.more)}</p>" if letter.more else ""
    return f"""<!doctype html>
<html lang="{letter.language}">
<head><meta charset="utf-8"><title>{escape(letter.subject)}</title></head>
<body style="font-family:sans-serif;max-width:36em;margin:1em auto;color:#222">
<p>{escape(letter.greeting)}</p>
{points}{more}
<p>{escape(letter.where)} <a href="{escape(letter.url)}">{escape(letter.url)}</a></p>
<hr>
<p><small>{escape(letter.why)} <a href="{escape(unsubscribe_url)}">{escape(letter.stop)}</a></small></p>
</body>
</html>
"""


def _html_point(letter: Letter, point: Point) -> str:
    answer = f'<br><a href="{escape(point.answer_url)}"><b>{escape(letter.answer)}</b></a>' if point.answer_url else ""
    return f"<p>{escape(point.text)}<br><small>{escape(point.reference)}</small>{answer}</p>"
