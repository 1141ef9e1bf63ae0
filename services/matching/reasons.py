"""Why a match scores as it does: one sentence a factor, in Spanish and English."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.listings import OfferFact, WantFact
from contracts.quantities import soles_per_tonne
from services.matching.bucket import Rulebook

Sentence = Callable[[dict[str, Any], OfferFact, WantFact, Rulebook], str]


def reasons(fields: dict[str, Any], offer: OfferFact, want: WantFact, rulebook: Rulebook, language: str) -> tuple[str, ...]:
    """Five sentences, in the order of the factors; a sixth names the missing paper."""
    factors, material = fields["factors"], rulebook.catalogue.materials[offer.material]
    figures = {
        "name": getattr(material.names, language) if not isinstance(material.names, dict) else material.names[language],
        "fit": round(100 * factors.material),
        "kg": _thousands(fields["quantity_kg"]),
        "share": round(100 * factors.quantity),
        "km": _kilometres(fields["distance_km"]),
        "half": round(float(material.half_distance_km)),
        "near": round(100 * factors.distance),
        "grade": offer.grade or "",
        "asked": want.min_grade or "",
    }
    said = [text.format(**figures) for text in _texts(offer, want, factors, language)]
    said.insert(3, _price(fields, offer, want, rulebook, language))
    if fields["blocked_by"]:
        said.append(rulebook.country.missing_paper(fields["blocked_by"][0])[language])
    return tuple(said)


def _texts(offer: OfferFact, want: WantFact, factors: Any, language: str) -> list[str]:
    spanish = language == "es"
    is_same = any(entry.material == offer.material and entry.weight == 1 for entry in want.accepts)
    material = (
        ("Es el material que se busca: {name}." if is_same else "{name} sirve en {fit} % para lo que se busca.")
        if spanish
        else ("It is the material that is wanted: {name}." if is_same else "{name} serves at {fit} % for what is wanted.")
    )
    quantity = (
        "Cambiarían de manos {kg} kg; las cantidades encajan en {share} %."
        if spanish
        else "{kg} kg would change hands; the sizes fit at {share} %."
    )
    distance = (
        "Está a {km} km; para este material, {half} km ya es la mitad de bueno ({near} %)."
        if spanish
        else "It is {km} km away; for this material {half} km is half as good ({near} %)."
    )
    return [material, quantity, distance, _quality(offer, want, spanish)]


def _quality(offer: OfferFact, want: WantFact, spanish: bool) -> str:
    if offer.grade is None or want.min_grade is None:
        return "Uno de los dos no declaró el grado de calidad." if spanish else "One side has not stated a grade."
    if offer.grade == want.min_grade:
        return "Tiene el grado que se pide ({grade})." if spanish else "It has the grade that is asked ({grade})."
    return "Tiene grado {grade}, mejor que el pedido ({asked})." if spanish else "It has grade {grade}, better than the {asked} asked."


def _price(fields: dict[str, Any], offer: OfferFact, want: WantFact, rulebook: Rulebook, language: str) -> str:
    """What it costs delivered, beside the bid (matching.md: L = price + freight x road x distance)."""
    spanish = language == "es"
    if offer.price is None or want.max_price is None:
        return "Uno de los dos no declaró precio." if spanish else "One side has not stated a price."
    land, materials = rulebook.country, rulebook.catalogue.materials
    asked = float(soles_per_tonne(offer.price, materials[offer.material]))
    delivered = asked + float(land.freight_per_tonne_km) * float(land.road_factor) * fields["distance_km"]
    bid = float(soles_per_tonne(want.max_price, materials[want.accepts[0].material]))
    if spanish:
        return f"Puesto en destino costaría {delivered:,.0f} {land.currency} por tonelada; se paga hasta {bid:,.0f}."
    return f"Delivered it would cost {delivered:,.0f} {land.currency} a tonne; up to {bid:,.0f} is paid."


def _thousands(kilograms: float) -> str:
    return f"{kilograms:,.0f}".replace(",", " ")


def _kilometres(distance: float) -> str:
    return f"{distance:.0f}" if distance >= 10 else f"{distance:.1f}"
