"""The small pages behind the links in mails. Pure.

They have a button, because programs that look into every link of a mail must do nothing by it.
"""

from __future__ import annotations

from contracts.values import Language
from services.notifications.letter import SUBJECTS
from services.notifications.links import DIGEST, Keeping, Unsubscription

MAY_LOAD = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
Words = dict[Language, str]
TITLE: Words = {"es": "Ayni", "en": "Ayni"}
OF_A_KIND: Words = {"es": "Los correos del tipo «{kind}»", "en": "Mails of the kind “{kind}”"}
OF_THE_DIGEST: Words = {
    "es": "Los correos sobre coincidencias y publicaciones, y el resumen del día",
    "en": "Mails about matches and listings, and the daily digest",
}
QUESTION: Words = {"es": "{what}: ¿ya no quiere recibirlos?", "en": "{what}: do you no longer want them?"}
BUTTON: Words = {"es": "No recibirlos más", "en": "No longer send them"}
DONE: Words = {"es": "{what}: ya no se los enviaremos.", "en": "{what}: we will not send them any more."}
STILL: Words = {
    "es": "Sus avisos siguen en Ayni. Puede cambiarlo cuando quiera en sus preferencias.",
    "en": "Your notices are still in Ayni. You can change this at any time in your preferences.",
}
LISTING: dict[str, Words] = {
    "offer": {"es": "Su oferta en Ayni", "en": "Your offer at Ayni"},
    "want": {"es": "Su demanda en Ayni", "en": "Your want at Ayni"},
}
STANDS: Words = {"es": "{what}: ¿sigue en pie?", "en": "{what}: does it still stand?"}
YES: Words = {"es": "Sí, sigue en pie", "en": "Yes, it still stands"}
KEPT: Words = {"es": "{what} sigue publicada. ¡Gracias!", "en": "{what} stays listed. Thank you!"}
GONE: Words = {
    "es": "{what} ya no está publicada. Si sigue en pie, publíquela de nuevo.",
    "en": "{what} is no longer listed. If it still stands, please publish it again.",
}
FORM = '<form method="post"><button>{button}</button></form>'
PAGE = """<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title></head>
<body style="font-family:sans-serif;max-width:32em;margin:3em auto;padding:0 1em">
<p>{said}</p>
{rest}
</body>
</html>
"""


def asking(wish: Unsubscription) -> str:
    """Before the click."""
    return _page(wish.language, QUESTION[wish.language].format(what=_what(wish)), FORM.format(button=BUTTON[wish.language]))


def done(wish: Unsubscription) -> str:
    """After it."""
    return _page(wish.language, DONE[wish.language].format(what=_what(wish)), f"<p>{STILL[wish.language]}</p>")


def asking_to_keep(answer: Keeping) -> str:
    """Before the click."""
    what = LISTING[answer.side][answer.language]
    return _page(answer.language, STANDS[answer.language].format(what=what), FORM.format(button=YES[answer.language]))


def kept(answer: Keeping, *, is_listed: bool) -> str:
    """After it; is_listed: whether there was something left to keep."""
    said = (KEPT if is_listed else GONE)[answer.language]
    return _page(answer.language, said.format(what=LISTING[answer.side][answer.language]), "")


def _page(language: Language, said: str, rest: str) -> str:
    return PAGE.format(language=language, title=TITLE[language], said=said, rest=rest)


def _what(wish: Unsubscription) -> str:
    if wish.topic == DIGEST:
        return OF_THE_DIGEST[wish.language]
    return OF_A_KIND[wish.language].format(kind=SUBJECTS[wish.topic][wish.language])
