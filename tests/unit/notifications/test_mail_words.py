"""What mails say and how they are written: both languages, one address, a head that mail programs understand, the same bytes every time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.message import EmailMessage
from email.policy import SMTP
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.listings import Addressee
from contracts.notifications import NoticeKind
from contracts.values import Language
from kit.ids import new_id
from services.listings.schemas import EMAIL
from services.notifications.letter import SHOWN_IN_A_DIGEST, digest_of, letter_of
from services.notifications.links import LEAST_SECRET_BYTES, Links, Unsubscription
from services.notifications.mail import AddressError, Envelope, address_of, sender_of, written
from services.notifications.notice import Notice

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
URL = "https://ayni.example.pe"
LINKS = Links("x" * LEAST_SECRET_BYTES, URL)
PERSON = UUID("01a211c4-5328-7424-9e65-d5fc4d62dd33")
LONG_ID = f"digest.2026-11-25.{PERSON}"
BOTH: list[Language] = ["es", "en"]


def a_notice(kind: str = "match.proposed", es: str = "Alguien busca lo que usted ofrece.", en: str = "Somebody looks for it.") -> Notice:
    own = {"organisation_id": new_id(), "version": 1, "subject_type": "deal", "subject_id": "7"}
    return Notice(id=new_id(), kind=kind, text_es=es, text_en=en, created_at=AT, **own)


def reader(name: str = "Rosa", language: Language = "es") -> Addressee:
    return Addressee(person_id=PERSON, organisation_id=new_id(), name=name, email="rosa@example.pe", language=language, country="PE")


def envelope(name: str = "Rosa", email: str = "rosa@example.pe") -> Envelope:
    link = LINKS.unsubscribe(Unsubscription(PERSON, "match.proposed", "es"))
    return Envelope("1.2", "Ayni <avisos@ayni.example.pe>", name, email, link, AT)


def parsed(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=SMTP)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def bodies(mail: EmailMessage) -> tuple[str, str]:
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


@pytest.mark.parametrize("language", BOTH)
@pytest.mark.parametrize("kind", get_args(NoticeKind))
def test_every_kind_has_its_subject_in_both_languages_and_says_the_notice(kind: str, language: Language) -> None:
    notice = a_notice(kind)
    mail = parsed(written(letter_of(notice, reader("Rosa", language), {}, URL), envelope()).content)

    text, html = bodies(mail)
    assert mail["Subject"]
    assert (notice.text_es if language == "es" else notice.text_en) in text
    assert (notice.text_es if language == "es" else notice.text_en) in html
    assert f'lang="{language}"' in html
    assert URL in text


def test_the_head_has_what_mail_programs_need_to_unsubscribe_and_to_see_repeats() -> None:
    mail = parsed(written(letter_of(a_notice(), reader("Rosa", "es"), {}, URL), envelope()).content)

    assert mail["Message-ID"] == "<1.2@ayni.example.pe>"
    assert mail["List-Unsubscribe"] == f"<{envelope().unsubscribe_url}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (mail["To"], mail["From"]) == ("Rosa <rosa@example.pe>", "Ayni <avisos@ayni.example.pe>")


def test_what_mail_programs_must_read_as_it_stands_is_not_encoded() -> None:
    raw = written(letter_of(a_notice(), reader("Rosa", "es"), {}, URL), replace(envelope(), message_id=LONG_ID)).content.decode("ascii")

    head = raw.split("\r\n\r\n")[0]
    assert f"\r\nList-Unsubscribe: <{envelope().unsubscribe_url}>\r\n" in head
    assert f"\r\nMessage-ID: <{LONG_ID}@ayni.example.pe>\r\n" in head
    assert "boundary*" not in head, "in the form of RFC 2231, which not every program reads"
    assert max(len(line) for line in raw.split("\r\n")) <= 998


def test_the_same_delivery_makes_the_same_bytes() -> None:
    notice = a_notice()
    first, again = (written(letter_of(notice, reader("Rosa", "es"), {}, URL), envelope()) for _ in range(2))

    assert first == again


def test_what_people_typed_is_no_html() -> None:
    notice = a_notice(es='Motivo: «<img src="x" onerror="alert(1)">».')
    _, html = bodies(parsed(written(letter_of(notice, reader("<b>Rosa</b>", "es"), {}, URL), envelope()).content))

    assert "<img" not in html
    assert "<b>" not in html


def test_a_digest_tells_its_first_notices_and_how_many_there_are() -> None:
    notices = [a_notice(es=f"Aviso {number}.") for number in range(SHOWN_IN_A_DIGEST)]
    text, html = bodies(parsed(written(digest_of(notices, 53, reader("Rosa", "es"), {}, URL), envelope()).content))

    assert all(f"Aviso {number}." in text and f"Aviso {number}." in html for number in range(SHOWN_IN_A_DIGEST))
    assert "Y 3 avisos más" in text
    assert digest_of(notices[:1], 1, reader("Rosa", "en"), {}, URL).subject == "Your day in short: one notice"
    assert digest_of(notices[:2], 2, reader("Rosa", "es"), {}, URL).subject == "Su resumen del día: 2 avisos"


def test_a_question_has_the_link_that_answers_it_and_nothing_else_has() -> None:
    question, other = a_notice("listing.lapsing", es="¿Sigue en pie su oferta?"), a_notice()
    link = f"{URL}/v1/keep/x"
    text, html = bodies(parsed(written(digest_of([other, question], 2, reader(), {question.id: link}, URL), envelope()).content))

    assert f"¿Sigue en pie su oferta?\r\n(trato 7)\r\nSí, sigue en pie:\r\n{link}\r\n" in text
    assert f'<a href="{link}"><b>Sí, sigue en pie</b></a>' in html
    assert (text.count("sigue en pie:"), html.count("<b>")) == (1, 1)


@pytest.mark.parametrize("name", ["Rosa\r\nBcc: otro@example.pe", "Rosa <otro@example.pe>", 'Rosa "la jefa", otra@example.pe', "Ñusta", ""])
def test_a_name_adds_neither_a_header_nor_a_recipient(name: str) -> None:
    mail = written(letter_of(a_notice(), reader(name, "es"), {}, URL), envelope(name))

    found = parsed(mail.content)
    assert [address.addr_spec for address in found["To"].addresses] == ["rosa@example.pe"]
    assert found["Bcc"] is None


@pytest.mark.parametrize(
    "email",
    ["a,b@example.pe", "a<b@example.pe", '"a"@example.pe', "a@b@example.pe", "a;b@example.pe", "@example.pe", "a@-x.pe", "a@x..pe", "a"],
)
def test_an_address_that_could_be_read_as_another_is_refused(email: str) -> None:
    with pytest.raises(AddressError):
        address_of("Rosa", email)


@given(st.from_regex(EMAIL, fullmatch=True), st.text(max_size=40))
def test_whatever_joined_is_written_to_one_address_or_refused(email: str, name: str) -> None:
    try:
        mail = written(letter_of(a_notice(), reader(name, "es"), {}, URL), envelope(name, email))
    except AddressError:
        return
    found = message_from_string(mail.content.decode(), policy=SMTP.clone(utf8=True))
    assert [address.addr_spec for address in found["To"].addresses] == [mail.recipient]
    assert mail.recipient.count("@") == 1


@pytest.mark.parametrize("text", ["", "Ayni", "Ayni <avisos>", "Ayni <a@b.pe>, <c@d.pe>"])
def test_a_sender_is_one_address(text: str) -> None:
    with pytest.raises(AddressError):
        sender_of(text)
