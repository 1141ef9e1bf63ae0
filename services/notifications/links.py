"""The link in a mail that ends mails of its kind without a sign-in (RFC 8058): signed, and good for as long as the secret is.

It names the person, what they no longer want, and the language to say so in; it opens nothing else. Pure.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from contracts.values import Language
from kit.problems import NotFound
from services.notifications.digest import may_wait
from services.notifications.preference import KINDS

PATH = "/v1/unsubscribe"
DIGEST = "digest"
TOPICS: tuple[str, ...] = (DIGEST, *KINDS)
LEAST_SECRET_BYTES = 32
SIGNATURE_BYTES = 16  # 128 bits of HMAC-SHA-256: short enough for a mail's line
PURPOSE = b"ayni unsubscribe 1\n"


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


class Links:
    """Raises ValueError for a secret of fewer than 32 bytes."""

    def __init__(self, secret: str, public_url: str) -> None:
        if len(secret.encode()) < LEAST_SECRET_BYTES:
            raise ValueError(f"the secret of links must have at least {LEAST_SECRET_BYTES} bytes")
        self._secret, self.public_url = secret.encode(), public_url.rstrip("/")

    def unsubscribe(self, wish: Unsubscription) -> str:
        """The URL."""
        said = ":".join([wish.person_id.hex, wish.topic, wish.language]).encode()
        return f"{self.public_url}{PATH}/{_text(self._signature(said) + said)}"

    def read(self, token: str) -> Unsubscription:
        """What the last part of such a URL says. Raises 404 for one that is not ours."""
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
            signature, said = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
            if hmac.compare_digest(signature, self._signature(said)):
                return _wish(said.decode().split(":"))
        except ValueError:
            pass
        raise UnknownLink("this link is cut short, or not ours: sign in and change your preferences instead")

    def _signature(self, said: bytes) -> bytes:
        return hmac.new(self._secret, PURPOSE + said, sha256).digest()[:SIGNATURE_BYTES]


def _wish(parts: list[str]) -> Unsubscription:
    match parts:
        case [person, topic, ("es" | "en") as language] if topic in TOPICS:
            return Unsubscription(UUID(person), topic, language)
    raise ValueError("of another release")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
