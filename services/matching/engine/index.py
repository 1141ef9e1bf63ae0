"""The index of one bucket: both sides as columns; every list exact, as if each pair had been scored alone.

The order of a list is the score rounded to ten decimals, the distance rounded to six, the counterpart's id (matching.md, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np

from services.matching.engine.columns import OFFER, Columns, Table, offer_values, want_dtype, want_values
from services.matching.engine.rows import OfferRow, WantRow
from services.matching.engine.scoring import GATES, LAW, Claims, Numbers, Scored, score
from services.matching.engine.terms import FACTORS, Terms

SideName = Literal["offer", "want"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """N counterparts, best first. factors: [N, 5] in the order of FACTORS."""

    ids: tuple[UUID, ...]
    scores: Numbers
    distances_km: Numbers
    quantities_kg: Numbers
    factors: Numbers

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair. closed: the slugs of its closed gates; the score is what it would have, were they open."""

    score: float
    factors: dict[str, float]
    distance_km: float
    quantity_kg: float
    closed: tuple[str, ...]


class Index:
    """The standing listings of one bucket. Not thread-safe: its owner calls it from one task at a time."""

    def __init__(self, materials: int, terms: Terms) -> None:
        self.terms = terms
        self.offers, self.wants = Columns(OFFER), Columns(want_dtype(materials))

    def put_offer(self, row: OfferRow) -> None:
        """Inserts, or replaces by id."""
        self.offers.put(row.id, offer_values(row))

    def put_want(self, row: WantRow) -> None:
        """Inserts, or replaces by id."""
        self.wants.put(row.id, want_values(row))

    def remove(self, id: UUID) -> None:
        """Off both sides; harmless for what is not there."""
        self.offers.remove(id)
        self.wants.remove(id)

    def rank_offer(self, id: UUID) -> Ranking:
        """Every open want for an offer. Empty for an id that is not here."""
        return self._ranked("offer", id)

    def rank_want(self, id: UUID) -> Ranking:
        """Every open offer for a want."""
        return self._ranked("want", id)

    def blocked_offer(self, id: UUID) -> Ranking:
        """Every want that only the law closes to an offer."""
        return self._ranked("offer", id, is_blocked=True)

    def blocked_want(self, id: UUID) -> Ranking:
        """Every offer that only the law closes to a want."""
        return self._ranked("want", id, is_blocked=True)

    def best(self, side: SideName, id: UUID, count: int) -> Ranking:
        """Exactly the first `count` of the whole ranking."""
        return self._ranked(side, id, count=count)

    def _ranked(self, side: SideName, id: UUID, *, is_blocked: bool = False, count: int | None = None) -> Ranking:
        own, others = (self.offers, self.wants) if side == "offer" else (self.wants, self.offers)
        if id not in own or not len(others):
            return ranking(others, _nothing(), np.zeros(0, np.int64))
        scored = self._scored(side, own.row(id), others.table)
        wanted = scored.is_blocked if is_blocked else scored.is_open
        return ranking(others, scored, first(scored, others.table, wanted, count))

    def _scored(self, side: SideName, row: Table, others: Table) -> Scored:
        return score(row, others, self.terms) if side == "offer" else score(others, row, self.terms)


def first(scored: Scored, others: Table, wanted: Claims, count: int | None) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The places of the wanted pairs in their order; only the first `count`, and then only what can be among them is sorted."""
    places = np.flatnonzero(wanted)
    rounded = np.round(scored.scores[places], 10)
    if count is not None and len(places) > count:
        least = np.partition(rounded, len(rounded) - count)[len(rounded) - count]
        places, rounded = places[rounded >= least], rounded[rounded >= least]
    distances = np.round(scored.distances_km[places], 6)
    order = np.lexsort((others["id_lo"][places], others["id_hi"][places], distances, -rounded))
    found: np.ndarray[tuple[int], np.dtype[np.int64]] = places[order][:count]
    return found


def ranking(others: Columns, scored: Scored, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Ranking:
    """The counterparts at these places."""
    return Ranking(
        tuple(others.ids[place] for place in places),
        scored.scores[places],
        scored.distances_km[places],
        scored.quantities_kg[places],
        scored.factors[places],
    )


def _nothing() -> Scored:
    none, claims = np.zeros(0), np.zeros(0, np.bool_)
    return Scored(np.zeros((0, len(FACTORS))), none, none, none, np.zeros((0, len(GATES)), np.bool_), claims)


def score_pair(offer: OfferRow, want: WantRow, terms: Terms) -> Pair:
    """One pair, open or not."""
    offers = np.array([offer_values(offer)], OFFER)
    wants = np.array([want_values(want)], want_dtype(len(want.compatibility)))
    scored = score(offers, wants, terms)
    closed = [slug for slug, is_open in zip(GATES, scored.gates[0], strict=True) if not is_open]
    closed += [] if scored.is_lawful[0] else [LAW]
    factors = dict(zip(FACTORS, scored.factors[0].tolist(), strict=True))
    return Pair(float(scored.scores[0]), factors, float(scored.distances_km[0]), float(scored.quantities_kg[0]), tuple(closed))
