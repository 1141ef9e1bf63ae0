"""Session tokens: JWTs of 15 minutes, signed by listings, verified by the gateway with the same secret.

Load-bearing: one algorithm, every claim required, time passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from kit.ids import new_id
from kit.problems import Unauthorised

ALGORITHM, TYPE = "HS256", "at+jwt"
ISSUER, AUDIENCE = "ayni", "ayni-gateway"
LIFETIME = timedelta(minutes=15)
LEAST_SECRET_BYTES = 32
MAX_TOKEN_CHARACTERS = 2048
CLAIMS = frozenset({"iss", "aud", "sub", "org", "sid", "jti", "iat", "exp"})


@dataclass(frozen=True, slots=True)
class TokenClaims:
    person_id: UUID
    organisation_id: UUID
    session_id: UUID


class Tokens:
    """Raises ValueError for a secret of fewer than 32 bytes (RFC 7518, section 3.2)."""

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < LEAST_SECRET_BYTES:
            raise ValueError(f"the token secret must have at least {LEAST_SECRET_BYTES} bytes")
        self._key = OctKey.import_key(secret)

    def issue(self, person_id: UUID, organisation_id: UUID, session_id: UUID, now: datetime) -> tuple[str, datetime]:
        """The token, and when it ends."""
        expires_at = now + LIFETIME
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(person_id),
            "org": str(organisation_id),
            "sid": str(session_id),
            "jti": str(new_id()),
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE}, claims, self._key, algorithms=[ALGORITHM]), expires_at

    def read(self, token: str, now: datetime) -> TokenClaims:
        """Raises Unauthorised for whatever is not a token of ours that is valid now."""
        try:
            if len(token) > MAX_TOKEN_CHARACTERS:
                raise ValueError
            found = jwt.decode(token, self._key, algorithms=[ALGORITHM])
            return self._checked(found.header, found.claims, now)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):  # the last two steps meet claims of any type
            raise Unauthorised(
                "this token is not valid, or no longer: sign in, or renew it", headers={"WWW-Authenticate": "Bearer"}
            ) from None

    def _checked(self, header: dict[str, Any], claims: dict[str, Any], now: datetime) -> TokenClaims:
        moment = now.timestamp()
        is_ours = header.get("typ") == TYPE and claims["iss"] == ISSUER and claims["aud"] == AUDIENCE and claims.keys() >= CLAIMS
        if not is_ours or not claims["iat"] - 60 <= moment < claims["exp"] or claims.get("nbf", 0) > moment:
            raise ValueError
        return TokenClaims(UUID(claims["sub"]), UUID(claims["org"]), UUID(claims["sid"]))
