"""Pairs of one listing with many of the other side: what is left of them behind the gates, and what they score."""

from __future__ import annotations

from dataclasses import dataclass

from services.matching.engine.columns import Table, single
from services.matching.engine.exact import Claims, Numbers, Slots
from services.matching.engine.factors import all_factors, distances_km, quantities_kg, scores
from services.matching.engine.fields import offer_values, want_values
from services.matching.engine.gates import LAW, ROAD_GATES, SLUGS, STANDING_GATES, does_law_admit
from services.matching.engine.rows import OfferRow, WantRow
from services.matching.engine.terms import FACTORS, Terms


@dataclass(frozen=True, slots=True)
class Pairs:
    """N pairs: of one row with N others, or of N rows with N. distance_km: [N]."""

    offers: Table
    wants: Table
    distance_km: Numbers

    def only(self, keep: Claims | Slots) -> Pairs:
        """Those claimed, or those at these places."""
        return Pairs(self.offers.only(keep), self.wants.only(keep), self.distance_km[keep])


def passing(offers: Table, wants: Table, terms: Terms, *, lawful: bool) -> Pairs:
    """The pairs that every gate lets through; or, not lawful, those that nothing but the law closes."""
    for standing in STANDING_GATES.values():
        keep = standing(offers, wants, terms)
        offers, wants = offers.only(keep), wants.only(keep)
    keep = does_law_admit(offers, wants) == lawful
    offers, wants = offers.only(keep), wants.only(keep)
    pairs = Pairs(offers, wants, distances_km(offers, wants, terms))
    for road in ROAD_GATES.values():
        pairs = pairs.only(road(pairs.offers, pairs.wants, terms, pairs.distance_km))
    return pairs


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair, open or not. closed: the slugs of its closed gates, in matching.md's order, the last of them "law"; factors by name; the
    score is the one it would have, were they open."""

    score: float
    factors: dict[str, float]
    distance_km: float
    quantity_kg: float
    closed: tuple[str, ...]


def score_pair(offer: OfferRow, want: WantRow, terms: Terms) -> Pair:
    """Any pair. Raises ValueError where the want's compatibility does not reach the offer's material."""
    materials = len(want.compatibility)
    offers, wants = single(offer_values(offer, materials)), single(want_values(want, materials, terms))
    distance_km = distances_km(offers, wants, terms)
    factors = all_factors(offers, wants, terms, distance_km)
    return Pair(
        score=float(scores(factors, terms)[0]),
        factors=dict(zip(FACTORS, factors[0].tolist(), strict=True)),
        distance_km=float(distance_km[0]),
        quantity_kg=float(quantities_kg(offers, wants)[0]),
        closed=_closed(offers, wants, terms, distance_km),
    )


def _closed(offers: Table, wants: Table, terms: Terms, distance_km: Numbers) -> tuple[str, ...]:
    verdicts = {slug: gate(offers, wants, terms)[0] for slug, gate in STANDING_GATES.items()}
    verdicts |= {slug: gate(offers, wants, terms, distance_km)[0] for slug, gate in ROAD_GATES.items()}
    verdicts[LAW] = does_law_admit(offers, wants)[0]
    return tuple(slug for slug in SLUGS if not verdicts[slug])
