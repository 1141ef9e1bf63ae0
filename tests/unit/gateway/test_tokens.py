"""Session tokens: only what we signed, for us, and for fifteen minutes (reliability.md, section 6.3)."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from kit.ids import new_id
from kit.problems import Unauthorised
from kit.tokens import MAX_TOKEN_CHARACTERS, TokenClaims, Tokens
from tests.unit.gateway.doubles import ME, NOW, PERSON, SECRET, SESSION

AT = int(NOW.timestamp())
HEADER = {"alg": "HS256", "typ": "at+jwt"}
CLAIMS = {
    "iss": "ayni",
    "aud": "ayni-gateway",
    "sub": str(PERSON),
    "org": str(ME),
    "sid": str(SESSION),
    "jti": str(new_id()),
    "iat": AT,
    "exp": AT + 900,
}


def signed(claims: dict[str, Any], header: dict[str, Any] = HEADER, secret: str = SECRET) -> str:
    return jwt.encode(header, claims, OctKey.import_key(secret), algorithms=[header["alg"]])


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unsigned(header: str, claims: str = json.dumps(CLAIMS)) -> str:
    return f"{encoded(header)}.{encoded(claims)}."


def by_rsa() -> str:
    key = RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "typ": "at+jwt"}, CLAIMS, key, algorithms=["RS256"])


def flipped(token: str, part: int) -> str:
    pieces = token.split(".")
    pieces[part] = ("B" if pieces[part][0] == "A" else "A") + pieces[part][1:]
    return ".".join(pieces)


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in CLAIMS.items() if name not in names}


GOOD = signed(CLAIMS)
CORPUS = {
    "nothing": "",
    "one word": "token",
    "three empty words": "..",
    "not ASCII": "ñ.ñ.ñ",
    "alg none": unsigned('{"alg": "none", "typ": "at+jwt"}'),
    "alg None by another spelling": unsigned('{"alg": "nOnE", "typ": "at+jwt"}'),
    "alg a number": unsigned('{"alg": 5}'),
    "no alg": unsigned('{"typ": "at+jwt"}'),
    "a header that is a list": unsigned("[]"),
    "a header nested without end": unsigned("[" * 1400),
    "no signature": GOOD.rpartition(".")[0] + ".",
    "signed with RS256": by_rsa(),
    "signed with HS512": signed(CLAIMS, HEADER | {"alg": "HS512"}, "s" * 64),
    "signed with another secret": signed(CLAIMS, secret="t" * 32),
    "changed header": flipped(GOOD, 0),
    "changed claims": flipped(GOOD, 1),
    "changed signature": flipped(GOOD, 2),
    "of the type JWT": signed(CLAIMS, {"alg": "HS256", "typ": "JWT"}),
    "of no type": signed(CLAIMS, {"alg": "HS256"}),
    "a critical extension": unsigned('{"alg": "HS256", "typ": "at+jwt", "crit": ["x"], "x": 1}'),
    "for another audience": signed(CLAIMS | {"aud": "somebody"}),
    "for a list of audiences": signed(CLAIMS | {"aud": ["ayni-gateway"]}),
    "of another issuer": signed(CLAIMS | {"iss": "somebody"}),
    "expired": signed(CLAIMS | {"iat": AT - 901, "exp": AT}),
    "not yet valid": signed(CLAIMS | {"nbf": AT + 1}),
    "issued in the future": signed(CLAIMS | {"iat": AT + 61}),
    "an expiry that is text": signed(CLAIMS | {"exp": "tomorrow"}),
    "an expiry that is null": signed(CLAIMS | {"exp": None}),
    "a subject that is a number": signed(CLAIMS | {"sub": 5}),
    "a subject that is no id": signed(CLAIMS | {"sub": "../../etc"}),
    "an organisation that is null": signed(CLAIMS | {"org": None}),
    "oversized": signed(CLAIMS | {"more": "x" * MAX_TOKEN_CHARACTERS}),
} | {f"without {name}": signed(without(name)) for name in CLAIMS}


def test_a_token_tells_who_it_was_issued_to_until_it_ends() -> None:
    token, expires_at = Tokens(SECRET).issue(PERSON, ME, SESSION, NOW)

    found = Tokens(SECRET).read(token, expires_at - timedelta(seconds=1))

    assert found == TokenClaims(PERSON, ME, SESSION)
    assert expires_at == NOW + timedelta(minutes=15)
    with pytest.raises(Unauthorised):
        Tokens(SECRET).read(token, expires_at)


def test_the_corpus_differs_from_a_good_token_by_its_fault_alone() -> None:
    assert Tokens(SECRET).read(GOOD, NOW) == TokenClaims(PERSON, ME, SESSION)


@pytest.mark.parametrize("token", CORPUS.values(), ids=CORPUS.keys())
def test_a_token_that_is_not_ours_and_valid_now_is_refused(token: str) -> None:
    with pytest.raises(Unauthorised) as caught:
        Tokens(SECRET).read(token, NOW)

    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}


def test_two_tokens_of_one_moment_differ() -> None:
    tokens = Tokens(SECRET)

    assert tokens.issue(PERSON, ME, SESSION, NOW) != tokens.issue(PERSON, ME, SESSION, NOW)


def test_a_short_secret_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens("s" * 31)
