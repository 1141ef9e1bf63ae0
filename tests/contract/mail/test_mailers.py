"""The mailer port: what both adapters do, an SMTP server (a real one) and a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.notifications.letter import Letter, Point
from services.notifications.mail import Envelope, Mail, written
from services.notifications.mailer import FolderMailer, Mailer, SmtpMailer, UnreachableError, server_of
from tests.integration.notifications.smtp_sink import Sink, listening

SENT_AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@dataclass
class Port:
    """An adapter, one that cannot hand anything over, and the contents that have arrived, the last of each Message-ID."""

    mailer: Mailer
    broken: Mailer
    arrived: Callable[[], list[bytes]]


@pytest.fixture(params=["smtp", "folder"])
async def port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Port]:
    if request.param == "folder":
        (tmp_path / "a file").touch()
        folder = tmp_path / "mail"
        yield Port(FolderMailer(folder), FolderMailer(tmp_path / "a file"), lambda: [one.read_bytes() for one in sorted(folder.iterdir())])
        return
    sink = Sink()
    async with listening(sink) as nobodys:
        pass
    async with listening(sink) as number:
        mailers = [SmtpMailer(server_of(f"smtp://127.0.0.1:{one}"), seconds=60) for one in (number, nobodys)]
        yield Port(*mailers, lambda: list({one.id: one.content for one in sink.taken}.values()))


def a_mail(name: str = "Rosa Quispe", email: str = "rosa@example.pe", text: str = "Hasta 1 200 kg de algodón.") -> Mail:
    letter = Letter(
        "es",
        "Una nueva coincidencia",
        f"Hola, {name}:",
        "Sí",
        (Point(text, "trato 1", None),),
        None,
        "En",
        "https://a.pe",
        "Porque.",
        "Basta",
    )
    return written(letter, Envelope("1.2", "Ayni <avisos@ayni.pe>", name, email, "https://a.pe/v1/unsubscribe/x", SENT_AT))


@pytest.mark.parametrize(
    "mail",
    [
        a_mail(),
        a_mail(name="", text="Fin\n.\n..\nlinea " + "muy " * 500 + "larga"),
        a_mail(email="ñandú@example.pe"),
        a_mail(email="rosa@ñandú.pe"),
    ],
    ids=["plain", "lines of dots and length", "an address beyond ASCII", "a domain beyond ASCII"],
)
async def test_a_mail_arrives_byte_by_byte(port: Port, mail: Mail) -> None:
    await port.mailer.send(mail)

    assert port.arrived() == [mail.content]


async def test_the_same_mail_again_is_seen_to_be_one(port: Port) -> None:
    await port.mailer.send(a_mail())
    await port.mailer.send(a_mail())

    assert len(port.arrived()) == 1


async def test_where_nothing_can_be_handed_over_it_says_so(port: Port) -> None:
    with pytest.raises(UnreachableError):
        await port.broken.send(a_mail())
