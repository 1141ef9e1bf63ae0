"""Getting in at a mail server: passwords and encryption. What fails there is the operator's to mend, and never a reader's mail lost."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from contracts.listings import DealOffered
from tests.integration.notifications.doubles import StoppedClock, Take
from tests.integration.notifications.mailroom import Mailroom
from tests.integration.notifications.smtp_sink import listening
from tests.unit.notifications.facts import HOLDER, deal_event

MINUTES = 200.0  # seconds: longer than a pause


def is_right(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"ayni", b"p@ss"), handled=False)  # the server answers, not we


ASKING: dict[str, Any] = {"authenticator": is_right, "auth_required": True, "auth_require_tls": False}

OPENLY = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """Of a server on 127.0.0.1, signed by itself; its file is `trusted.pem`."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "trusted.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "trusted.pem", tmp_path / "key.pem")
    return context


async def after(mailroom: Mailroom, url: str) -> list[str]:
    """What became of the mails, where that is the server."""
    mailroom.clock.pass_seconds(MINUTES)
    await mailroom.told(smtp_url=SecretStr(url)).work()
    return await mailroom.states()


async def tell_one(take: Take) -> None:
    await take(deal_event(DealOffered, accepted_by=(HOLDER,)))


@OPENLY
async def test_a_password_that_is_wrong_holds_mail_back_until_it_is_right(take: Take, mailroom: Mailroom) -> None:
    await tell_one(take)
    async with listening(mailroom.sink, **ASKING) as port:
        assert await after(mailroom, f"smtp://ayni:wrong@127.0.0.1:{port}") == ["waiting"]
        (held,) = await mailroom.deliveries()
        assert "535" in str(held.cause)
        assert await after(mailroom, f"smtp://ayni:p%40ss@127.0.0.1:{port}") == ["sent"]

    (delivery,) = await mailroom.deliveries()
    assert delivery.cause is None


@OPENLY
async def test_a_server_that_wants_a_password_and_is_given_none_holds_mail_back(take: Take, mailroom: Mailroom) -> None:
    await tell_one(take)
    async with listening(mailroom.sink, **ASKING) as port:
        assert await after(mailroom, f"smtp://127.0.0.1:{port}") == ["waiting"], "530 is about us, not about the reader"


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls", "smtp"])
async def test_mail_goes_encrypted_to_a_server_that_is_trusted_and_to_no_other(
    take: Take, mailroom: Mailroom, certificate: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    await tell_one(take)
    encrypted: dict[str, Any] = {"ssl": certificate} if scheme == "smtps" else {"tls_context": certificate}
    async with listening(mailroom.sink, **encrypted) as port:
        assert await after(mailroom, f"{scheme}://127.0.0.1:{port}") == ["waiting"]
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
        assert await after(mailroom, f"{scheme}://127.0.0.1:{port}") == ["sent"]


async def test_mail_that_must_be_encrypted_is_not_sent_otherwise(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    await tell_one(take)
    async with listening(mailroom.sink) as port:
        assert await after(mailroom, f"smtp+starttls://127.0.0.1:{port}") == ["waiting"]
        assert await after(mailroom, f"smtp+plain://127.0.0.1:{port}") == ["sent"]
