"""The small page behind the link to unsubscribe. Pure.

It has a button, because programs that look into every link of a mail must not unsubscribe anybody.
"""

from __future__ import annotations

from contracts.values import Language
from services.notifications.letter import SUBJECTS
from services.notifications.links import DIGEST, Unsubscription

MAY_LOAD = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
Words = dict[Language, str]
TITLE: Words = {"es": "Correos de Ayni", "en": "Mails from Ayni"}
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
FORM = '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>{button}</button></form>'
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
    button = FORM.format(button=BUTTON[wish.language])
    return PAGE.format(
        language=wish.language, title=TITLE[wish.language], said=QUESTION[wish.language].format(what=_what(wish)), rest=button
    )


def done(wish: Unsubscription) -> str:
    """After it."""
    rest = f"<p>{STILL[wish.language]}</p>"
    return PAGE.format(language=wish.language, title=TITLE[wish.language], said=DONE[wish.language].format(what=_what(wish)), rest=rest)


def _what(wish: Unsubscription) -> str:
    if wish.topic == DIGEST:
        return OF_THE_DIGEST[wish.language]
    return OF_A_KIND[wish.language].format(kind=SUBJECTS[wish.topic][wish.language])
