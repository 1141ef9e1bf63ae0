"""What notices say: plain, in both languages, with figures that a person reads."""

from __future__ import annotations

import pytest

from contracts.listings import DealAgreed, DealDeclined, DealFact, DealOffered, DealReleased, DealVoided
from services.notifications import texts
from services.notifications.texts import Pair
from tests.unit.notifications.facts import COTTON, PET, deal_event, question_event, small_catalogue

CATALOGUE = small_catalogue()
PAIR = Pair(COTTON, 1500.4, 12.3, 0.83)


def plain(text: str) -> str:
    return text.replace(texts.NBSP, " ")


def test_a_match_says_how_much_of_what_how_far_and_how_well() -> None:
    said = texts.match_proposed("offer", PAIR, CATALOGUE)

    assert plain(said.es) == "Alguien busca lo que usted ofrece: hasta 1 500 kg de retazos de algodón, a 12 km (83 %)."
    assert plain(said.en) == "Somebody is looking for what you offer: up to 1,500 kg of cotton offcuts, 12 km away (83%)."


def test_a_question_names_the_listing_and_the_last_day_to_answer() -> None:
    said = texts.listing_lapsing(question_event().data)

    assert said.es == "¿Sigue en pie su oferta «Retazos de algodón»? Si no responde hasta el 08/12/2026, dejará de publicarse."
    assert said.en == "Is your offer still there: “Retazos de algodón”? Unless you answer by 08 December 2026, it will no longer be listed."
    assert texts.listing_lapsing(question_event("want").data).es.startswith("¿Sigue buscando «Retazos de algodón»?")
    assert texts.listing_lapsing(question_event("want").data).en.startswith("Are you still looking for this: “Retazos de algodón”?")


def test_the_seeker_is_told_of_an_offer() -> None:
    said = texts.match_proposed("want", PAIR, CATALOGUE)

    assert said.es.startswith("Alguien ofrece lo que usted busca:")
    assert said.en.startswith("Somebody offers what you are looking for:")


@pytest.mark.parametrize(
    ("side", "count", "es", "en"),
    [
        ("offer", 1, "Hay quien busca lo que usted ofrece:", "There is a taker for what you offer:"),
        ("offer", 3, "3 buscan lo que usted ofrece; el mejor:", "3 are looking for what you offer; the best:"),
        ("want", 1, "Hay quien ofrece lo que usted busca:", "There is a source of what you are looking for:"),
        ("want", 5, "5 ofrecen lo que usted busca; el mejor:", "5 offer what you are looking for; the best:"),
    ],
)
def test_a_listing_says_how_many_fit_and_the_best(side: texts.Side, count: int, es: str, en: str) -> None:
    said = texts.listing_matched(side, count, PAIR, CATALOGUE)

    assert plain(said.es) == f"{es} hasta 1 500 kg de retazos de algodón, a 12 km (83 %)."
    assert plain(said.en) == f"{en} up to 1,500 kg of cotton offcuts, 12 km away (83%)."


@pytest.mark.parametrize(
    ("amount", "es", "en"),
    [
        (0.25, "0,2 kg", "0.2 kg"),
        (2, "2 kg", "2 kg"),
        (2.46, "2,5 kg", "2.5 kg"),
        (999.5, "1 000 kg", "1,000 kg"),
        (1234567.8, "1 234 568 kg", "1,234,568 kg"),
    ],
)
def test_kilograms_are_rounded_for_people(amount: float, es: str, en: str) -> None:
    assert (plain(texts.kilograms_es(amount)), plain(texts.kilograms_en(amount))) == (es, en)


def test_what_is_next_door_is_less_than_a_kilometre_away() -> None:
    said = texts.match_proposed("offer", Pair(COTTON, 100, 0.4, 0.9), CATALOGUE)

    assert "a menos de 1 km" in plain(said.es)
    assert "less than 1 km away" in plain(said.en)


def test_an_abbreviation_keeps_its_capitals_and_an_unknown_code_stands_for_itself() -> None:
    assert texts.names_of(PET, CATALOGUE).es == "PET molido"
    assert texts.names_of("new.code", CATALOGUE) == texts.Names("new.code", "new.code")


def fact(**changes: object) -> DealFact:
    event = deal_event(DealOffered, **changes)
    assert isinstance(event.data, DealFact)
    return event.data


@pytest.mark.parametrize(
    ("kind", "text", "es"),
    [
        (DealOffered, texts.deal_offered, "La otra parte acepta: 1 200 kg de retazos de algodón. Falta su respuesta."),
        (DealAgreed, texts.deal_agreed, "Trato hecho: 1 200 kg de retazos de algodón. Ya puede ver el contacto"),
        (DealReleased, texts.deal_released, "El trato quedó sin efecto: 1 200 kg de retazos de algodón. La cantidad vuelve"),
    ],
)
def test_a_deal_says_how_much_of_what(kind: object, text: texts.DealText, es: str) -> None:
    assert plain(text(fact(), CATALOGUE).es).startswith(es)


@pytest.mark.parametrize(("kind", "text"), [(DealDeclined, texts.deal_declined), (DealVoided, texts.deal_voided)])
def test_an_answer_that_is_gone_names_the_material_without_a_quantity(kind: object, text: texts.DealText) -> None:
    said = text(fact(quantity_kg=None), CATALOGUE)

    assert "retazos de algodón" in said.es
    assert "kg" not in said.es + said.en


def test_a_reason_that_was_given_is_told() -> None:
    said = texts.deal_released(fact(reason="se mojó"), CATALOGUE)

    assert said.es.endswith("Motivo: «se mojó».")
    assert said.en.endswith("Reason: “se mojó”.")
