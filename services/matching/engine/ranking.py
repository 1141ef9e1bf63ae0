"""The order of a list (matching.md, section 3): the higher score, then the nearer, then the smaller id of the counterpart.

Load-bearing: scores are compared rounded to ten decimals and distances to six, exactly as `round` does, because lists of several buckets
are merged and paged by these keys elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.columns import Table
from services.matching.engine.exact import Numbers, Slots, rounded
from services.matching.engine.factors import all_factors, quantities_kg, scores
from services.matching.engine.pairs import Pair, Pairs
from services.matching.engine.terms import FACTORS, Terms

SCORE_DIGITS, DISTANCE_DIGITS = 10, 6


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """N counterparts, best first. scores, distances_km, quantities_kg: [N]; factors: [N, 5] in the order of FACTORS."""

    ids: tuple[UUID, ...]
    scores: Numbers
    distances_km: Numbers
    quantities_kg: Numbers
    factors: Numbers

    def __len__(self) -> int:
        return len(self.ids)

    def pair(self, place: int, closed: tuple[str, ...] = ()) -> Pair:
        """The pair at a place, as `score_pair` would give it. closed: what the list was asked to pass over."""
        factors = dict(zip(FACTORS, self.factors[place].tolist(), strict=True))
        figures = (self.scores[place], self.distances_km[place], self.quantities_kg[place])
        score, distance_km, quantity_kg = (float(figure) for figure in figures)
        return Pair(score=score, factors=factors, distance_km=distance_km, quantity_kg=quantity_kg, closed=closed)

    def __getitem__(self, part: slice) -> Ranking:
        """A part of the list, in its order."""
        return Ranking(self.ids[part], self.scores[part], self.distances_km[part], self.quantities_kg[part], self.factors[part])


def nothing() -> Ranking:
    """The list of a listing that does not stand here."""
    none = np.zeros(0)
    return Ranking((), none, none, none, np.zeros((0, len(FACTORS))))


@dataclass(frozen=True, slots=True)
class Scored:
    """Pairs with what orders them, still in no order: [N] each, factors [N, 5]. keys: the rounded score."""

    pairs: Pairs
    counterparts: Table
    factors: Numbers
    scores: Numbers
    keys: Numbers

    @classmethod
    def of(cls, pairs: Pairs, counterparts: Table, terms: Terms) -> Scored:
        """counterparts: of the two tables of the pairs, the one that is listed."""
        factors = all_factors(pairs.offers, pairs.wants, terms, pairs.distance_km)
        found = scores(factors, terms)
        return cls(pairs, counterparts, factors, found, rounded(found, SCORE_DIGITS))

    def first(self, count: int | None = None) -> Ranking:
        """The first `count`, or all, in order. Only what can be among the first is sorted."""
        places = np.arange(len(self.keys))
        if count is not None and 0 < count < len(places):
            places = np.flatnonzero(self.keys >= np.partition(self.keys, -count)[-count])
        return self._listed(places[self._order(places)][:count])

    def place_of(self, slot: int) -> int | None:
        """How many stand before the counterpart in this slot; None if it is not among the pairs."""
        found = np.flatnonzero(self.counterparts.slots == slot)
        if not len(found):
            return None
        rivals = np.flatnonzero(self.keys >= self.keys[found[0]])
        return int(np.flatnonzero(rivals[self._order(rivals)] == found[0])[0])

    def places_of(self, slot: int, lists: Slots) -> dict[int, int]:
        """Of pairs that make up several lists (lists: [N], whose each is): the place of the counterpart in this slot, by list.

        The counterparts are those of all lists, so they are what `slot` counts among; lists that it is not in are left out."""
        mine = np.flatnonzero(self.counterparts.slots == slot)
        least = np.full(int(lists.max(initial=-1)) + 1, np.inf)
        least[lists[mine]] = self.keys[mine]
        places = np.flatnonzero(self.keys >= least[lists])
        order = places[np.lexsort((*self._ranks(places), lists[places]))]
        firsts = np.searchsorted(lists[order], lists[mine])
        stand = np.empty(len(self.keys), np.intp)
        stand[order] = np.arange(len(order))
        return dict(zip(lists[mine].tolist(), (stand[mine] - firsts).tolist(), strict=True))

    def _order(self, places: Slots) -> Slots:
        """The order of the pairs at these places, which sorts them."""
        return np.lexsort(self._ranks(places))

    def _ranks(self, places: Slots) -> tuple[NDArray[Any], ...]:
        """What the pairs at these places are sorted by, the last first, as `np.lexsort` wants it."""
        ids = (self.counterparts["id_low"][places], self.counterparts["id_high"][places])
        return (*ids, rounded(self.pairs.distance_km[places], DISTANCE_DIGITS), -self.keys[places])

    def _listed(self, places: Slots) -> Ranking:
        pairs = self.pairs.only(places)
        ids = tuple(self.counterparts["id"][places].tolist())
        return Ranking(ids, self.scores[places], pairs.distance_km, quantities_kg(pairs.offers, pairs.wants), self.factors[places])
