"""The links in a mail that do one thing without a sign-in: end mails of its kind (RFC 8058), or say that a listing still stands.

They are signed, and good for as long as the secret is. Each names who it is for, what it does, and the language to say so in; it opens
nothing else. Pure. Load-bearing: `path` is part of what is signed, so that a link does what it was made for and nothing else.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal
from uuid import UUID

from contracts.values import Language
from kit.problems import NotFound
from services.notifications.digest import may_wait
from services.notifications.preference import KINDS

UNSUBSCRIBE, KEEP = "/v1/unsubscribe", "/v1/keep"
DIGEST = "digest"
TOPICS: tuple[str, ...] = (DIGEST, *KINDS)
LEAST_SECRET_BYTES = 32
SIGNATURE_BYTES = 16  # 128 bits of HMAC-SHA-256: short enough for a mail's line
Side = Literal["offer", "want"]


class UnknownLink(NotFound):
    slug, title = "unknown-link", "This link is not one of ours"


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """topic: a kind of notice, or the digest, which is all kinds that may wait for it."""

    person_id: UUID
    topic: str
    language: Language

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the person no longer hears of by mail."""
        return may_wait(KINDS) if self.topic == DIGEST else (self.topic,)


@dataclass(frozen=True, slots=True)
class Keeping:
    """A person's answer that their organisation's listing still stands."""

    person_id: UUID
    organisation_id: UUID
    side: Side
    listing_id: UUID
    language: Language


class Links:
    """Raises ValueError for a secret of fewer than 32 bytes."""

    def __init__(self, secret: str, public_url: str) -> None:
        if len(secret.encode()) < LEAST_SECRET_BYTES:
            raise ValueError(f"the secret of links must have at least {LEAST_SECRET_BYTES} bytes")
        self._secret, self.public_url = secret.encode(), public_url.rstrip("/")

    def unsubscribe(self, wish: Unsubscription) -> str:
        """The URL."""
        return self._url(UNSUBSCRIBE, wish.person_id.hex, wish.topic, wish.language)

    def keep(self, answer: Keeping) -> str:
        """The URL."""
        return self._url(KEEP, answer.person_id.hex, answer.organisation_id.hex, answer.side, answer.listing_id.hex, answer.language)

    def unsubscription(self, token: str) -> Unsubscription:
        """What the last part of such a URL says. Raises 404 for one that is not ours."""
        match self._said(UNSUBSCRIBE, token):
            case [person, topic, ("es" | "en") as language] if topic in TOPICS:
                return Unsubscription(UUID(person), topic, language)
        raise _unknown()

    def keeping(self, token: str) -> Keeping:
        """The same for the other."""
        match self._said(KEEP, token):
            case [person, organisation, ("offer" | "want") as side, listing, ("es" | "en") as language]:
                return Keeping(UUID(person), UUID(organisation), side, UUID(listing), language)
        raise _unknown()

    def _url(self, path: str, *parts: str) -> str:
        said = ":".join(parts).encode()
        token = base64.urlsafe_b64encode(self._signature(path, said) + said).decode().rstrip("=")
        return f"{self.public_url}{path}/{token}"

    def _said(self, path: str, token: str) -> list[str]:
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise _unknown() from None
        signature, said = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(path, said)):
            raise _unknown()
        return said.decode().split(":")

    def _signature(self, path: str, said: bytes) -> bytes:
        return hmac.new(self._secret, path.encode() + b"\n" + said, sha256).digest()[:SIGNATURE_BYTES]


def _unknown() -> UnknownLink:
    return UnknownLink("this link is cut short, or not ours: sign in instead")
