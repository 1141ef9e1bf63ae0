"""What notices say, in Spanish and English: one plain sentence or two, for somebody with a telephone and little time.

Figures are rounded for people; the exact ones stand in the match and the deal. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from contracts.catalogue import Catalogue
from contracts.listings import DealFact, Question
from contracts.notifications import NoticeText

Side = Literal["offer", "want"]
NBSP = "\N{NO-BREAK SPACE}"  # a figure and its unit stay on one line
FEW_KG = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """What a sentence says of a match. score: in [0, 1]."""

    material: str
    quantity_kg: float
    distance_km: float
    score: float


@dataclass(frozen=True, slots=True)
class Names:
    """A material as people call it."""

    es: str
    en: str


def names_of(code: str, catalogue: Catalogue) -> Names:
    """Inside a sentence; the code itself where the catalogue is older than the event."""
    material = catalogue.materials.get(code)
    if material is None:
        return Names(code, code)
    return Names(_inside_a_sentence(material.names.es), _inside_a_sentence(material.names.en))


def _inside_a_sentence(name: str) -> str:
    """Small at its beginning, unless it is an abbreviation (PET, HDPE)."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def kilograms_es(amount: float) -> str:
    """1 500 kg; below ten with one decimal, by comma."""
    return f"{_figure(amount).replace(',', NBSP).replace('.', ',')}{NBSP}kg"


def kilograms_en(amount: float) -> str:
    """1,500 kg; below ten with one decimal."""
    return f"{_figure(amount)}{NBSP}kg"


def _figure(amount: float) -> str:
    return f"{amount:,.1f}".removesuffix(".0") if amount < FEW_KG else f"{amount:,.0f}"


def _about_es(pair: Pair) -> str:
    away = f"{pair.distance_km:.0f}{NBSP}km" if pair.distance_km >= 1 else f"menos de 1{NBSP}km"
    return f"a {away} ({_percent(pair.score)}{NBSP}%)"


def _about_en(pair: Pair) -> str:
    away = f"{pair.distance_km:.0f}{NBSP}km" if pair.distance_km >= 1 else f"less than 1{NBSP}km"
    return f"{away} away ({_percent(pair.score)}%)"


def _percent(score: float) -> str:
    return f"{score * 100:.0f}"


def match_proposed(side: Side, pair: Pair, catalogue: Catalogue) -> NoticeText:
    """To the holder of a standing listing; side: which one that is."""
    name = names_of(pair.material, catalogue)
    es = "Alguien busca lo que usted ofrece" if side == "offer" else "Alguien ofrece lo que usted busca"
    en = "Somebody is looking for what you offer" if side == "offer" else "Somebody offers what you are looking for"
    return NoticeText(
        es=f"{es}: hasta {kilograms_es(pair.quantity_kg)} de {name.es}, {_about_es(pair)}.",
        en=f"{en}: up to {kilograms_en(pair.quantity_kg)} of {name.en}, {_about_en(pair)}.",
    )


def listing_matched(side: Side, count: int, best: Pair, catalogue: Catalogue) -> NoticeText:
    """To the holder of a listing that has just been ranked; best: the first of its `count` told matches."""
    name = names_of(best.material, catalogue)
    es, en = _found(side, count)
    return NoticeText(
        es=f"{es} hasta {kilograms_es(best.quantity_kg)} de {name.es}, {_about_es(best)}.",
        en=f"{en} up to {kilograms_en(best.quantity_kg)} of {name.en}, {_about_en(best)}.",
    )


def _found(side: Side, count: int) -> tuple[str, str]:
    if count == 1:
        if side == "offer":
            return "Hay quien busca lo que usted ofrece:", "There is a taker for what you offer:"
        return "Hay quien ofrece lo que usted busca:", "There is a source of what you are looking for:"
    if side == "offer":
        return f"{count} buscan lo que usted ofrece; el mejor:", f"{count} are looking for what you offer; the best:"
    return f"{count} ofrecen lo que usted busca; el mejor:", f"{count} offer what you are looking for; the best:"


def listing_lapsing(question: Question) -> NoticeText:
    """To the holder of a listing that nobody has touched for long."""
    es = "¿Sigue en pie su oferta" if question.side == "offer" else "¿Sigue buscando"
    en = "Is your offer still there" if question.side == "offer" else "Are you still looking for this"
    day = question.answer_by
    return NoticeText(
        es=f"{es} «{question.title}»? Si no responde hasta el {day:%d/%m/%Y}, dejará de publicarse.",
        en=f"{en}: “{question.title}”? Unless you answer by {day:%d %B %Y}, it will no longer be listed.",
    )


def deal_offered(deal: DealFact, catalogue: Catalogue) -> NoticeText:
    """To the side that has not answered yet."""
    es, en = _lot(deal, catalogue)
    return NoticeText(es=f"La otra parte acepta: {es}. Falta su respuesta.", en=f"The other side accepts: {en}. It waits for your answer.")


def deal_agreed(deal: DealFact, catalogue: Catalogue) -> NoticeText:
    """To both sides: the contact is open to them now."""
    es, en = _lot(deal, catalogue)
    return NoticeText(
        es=f"Trato hecho: {es}. Ya puede ver el contacto de la otra parte y acordar el recojo.",
        en=f"It is a deal: {en}. You can now see whom to contact, and arrange the collection.",
    )


def deal_declined(deal: DealFact, catalogue: Catalogue) -> NoticeText:
    """To a side that had accepted."""
    es, en = _lot(deal, catalogue)
    return NoticeText(
        es=f"La otra parte no acepta: {es}. Su aceptación ya no vale.{_reason_es(deal)}",
        en=f"The other side declines: {en}. Your acceptance no longer stands.{_reason_en(deal)}",
    )


def deal_voided(deal: DealFact, catalogue: Catalogue) -> NoticeText:
    """To a side that had accepted what no longer is so."""
    es, en = _lot(deal, catalogue)
    return NoticeText(
        es=f"Su aceptación quedó sin efecto: {es}. Cambiaron las condiciones, o la otra parte se retiró; véalo de nuevo.",
        en=f"Your acceptance is void: {en}. The terms have changed, or the other side stepped back; please look again.",
    )


def deal_released(deal: DealFact, catalogue: Catalogue) -> NoticeText:
    """To both sides: the quantity is free again."""
    es, en = _lot(deal, catalogue)
    return NoticeText(
        es=f"El trato quedó sin efecto: {es}. La cantidad vuelve a estar disponible.{_reason_es(deal)}",
        en=f"The deal is off: {en}. The quantity is available again.{_reason_en(deal)}",
    )


def _lot(deal: DealFact, catalogue: Catalogue) -> tuple[str, str]:
    """Of how much of what this deal is; an answer that is gone has no quantity."""
    name = names_of(deal.material, catalogue)
    if deal.quantity_kg is None:
        return name.es, name.en
    amount = float(deal.quantity_kg)
    return f"{kilograms_es(amount)} de {name.es}", f"{kilograms_en(amount)} of {name.en}"


def _reason_es(deal: DealFact) -> str:
    return f" Motivo: «{deal.reason}»." if deal.reason else ""


def _reason_en(deal: DealFact) -> str:
    return f" Reason: “{deal.reason}”." if deal.reason else ""


DealText = Callable[[DealFact, Catalogue], NoticeText]
