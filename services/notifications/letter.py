"""What mails say, in the reader's language: a notice by itself, or the day's digest. Pure.

Nothing of another organisation is in it but what the notice itself says; whom to call is seen after a sign-in only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from contracts.listings import Addressee
from contracts.values import Language
from services.notifications.notice import Notice

SHOWN_IN_A_DIGEST = 50
Words = dict[Language, str]
Answers = Mapping[UUID, str]  # by notice

SUBJECTS: dict[str, Words] = {
    "listing.matched": {"es": "Hay coincidencias para su publicación", "en": "There are matches for your listing"},
    "match.proposed": {"es": "Una nueva coincidencia", "en": "A new match"},
    "deal.offered": {"es": "La otra parte acepta: falta su respuesta", "en": "The other side accepts: it waits for your answer"},
    "deal.agreed": {"es": "Trato hecho", "en": "It is a deal"},
    "deal.declined": {"es": "La otra parte no acepta", "en": "The other side declines"},
    "deal.voided": {"es": "Su aceptación quedó sin efecto", "en": "Your acceptance is void"},
    "deal.released": {"es": "El trato quedó sin efecto", "en": "The deal is off"},
    "listing.lapsing": {"es": "¿Sigue disponible?", "en": "Is it still there?"},
}
DIGEST: Words = {"es": "Su resumen del día: {count} avisos", "en": "Your day in short: {count} notices"}
DIGEST_OF_ONE: Words = {"es": "Su resumen del día: un aviso", "en": "Your day in short: one notice"}
GREETING: Words = {"es": "Hola, {name}:", "en": "Hello {name},"}
MORE: Words = {"es": "Y {count} avisos más, que están en Ayni.", "en": "And {count} more notices, which are in Ayni."}
WHERE: Words = {"es": "Véalo y responda en", "en": "See it and answer at"}
WHY: Words = {
    "es": "Recibe este correo porque su organización participa en Ayni.",
    "en": "You get this mail because your organisation takes part in Ayni.",
}
KEEP: Words = {"es": "Sí, sigue en pie", "en": "Yes, it still stands"}
STOP: Words = {"es": "No recibir más correos de este tipo", "en": "No more mails of this kind"}
REFERENCES: dict[str, Words] = {
    "offer": {"es": "oferta", "en": "offer"},
    "want": {"es": "demanda", "en": "want"},
    "match": {"es": "coincidencia", "en": "match"},
    "deal": {"es": "trato", "en": "deal"},
}


@dataclass(frozen=True, slots=True)
class Point:
    """One notice inside a letter: what it says, and which thing it is about. answer_url: answers its question by one click."""

    text: str
    reference: str
    answer_url: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """The words of a mail, without its addresses. more: that there are other notices, which are not in it."""

    language: Language
    subject: str
    greeting: str
    answer: str
    points: tuple[Point, ...]
    more: str | None
    where: str
    url: str
    why: str
    stop: str


def letter_of(notice: Notice, addressee: Addressee, answers: Answers, public_url: str) -> Letter:
    """A notice that is told at once. answers: the links that answer it, if it asks something."""
    return _letter(SUBJECTS[notice.kind][addressee.language], [notice], 0, addressee, answers, public_url)


def digest_of(notices: Sequence[Notice], count: int, addressee: Addressee, answers: Answers, public_url: str) -> Letter:
    """The digest of `count` notices, of which these are the first."""
    subject = (DIGEST_OF_ONE if count == 1 else DIGEST)[addressee.language].format(count=count)
    return _letter(subject, notices[:SHOWN_IN_A_DIGEST], max(0, count - SHOWN_IN_A_DIGEST), addressee, answers, public_url)


def _letter(subject: str, notices: Sequence[Notice], others: int, addressee: Addressee, answers: Answers, public_url: str) -> Letter:
    language = addressee.language
    return Letter(
        language=language,
        subject=subject,
        greeting=GREETING[language].format(name=addressee.name),
        answer=KEEP[language],
        points=tuple(_point(notice, language, answers) for notice in notices),
        more=MORE[language].format(count=others) if others else None,
        where=WHERE[language],
        url=public_url,
        why=WHY[language],
        stop=STOP[language],
    )


def _point(notice: Notice, language: Language, answers: Answers) -> Point:
    text = notice.text_es if language == "es" else notice.text_en
    return Point(text, f"{REFERENCES[notice.subject_type][language]} {notice.subject_id}", answers.get(notice.id))
