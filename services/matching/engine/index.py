"""The index of one bucket: the standing listings of both sides, and every list exact, as if each pair had been scored alone.

Load-bearing: a list is computed when asked for, from the columns as they are; nothing derived is kept, so nothing is stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal
from uuid import UUID

import numpy as np

from services.matching.engine.columns import Columns
from services.matching.engine.exact import Slots
from services.matching.engine.fields import offer_values, want_values
from services.matching.engine.pairs import passing
from services.matching.engine.ranking import Ranking, Scored, nothing
from services.matching.engine.rows import OfferRow, WantRow
from services.matching.engine.terms import Terms

SideName = Literal["offer", "want"]
PAIRS_AT_ONCE = 200_000  # some tens of megabytes


class Index:
    """materials: how many the bucket has, numbered from 0. Not thread-safe: its owner calls it from one task at a time."""

    def __init__(self, materials: int, terms: Terms) -> None:
        self._terms = terms
        self._offers: Columns[OfferRow] = Columns(partial(offer_values, materials=materials))
        self._wants: Columns[WantRow] = Columns(partial(want_values, materials=materials, terms=terms))

    @property
    def offers(self) -> int:
        """How many stand."""
        return len(self._offers)

    @property
    def wants(self) -> int:
        """How many stand."""
        return len(self._wants)

    def offer(self, id: UUID) -> OfferRow | None:
        """The offer as it was put, if it stands."""
        return self._offers.get(id)

    def want(self, id: UUID) -> WantRow | None:
        """The want as it was put, if it stands."""
        return self._wants.get(id)

    def put_offer(self, row: OfferRow) -> None:
        """Inserts, or replaces by id. Raises ValueError, and changes nothing, for a row that does not fit the bucket."""
        self._offers.put(row)

    def put_want(self, row: WantRow) -> None:
        """Inserts, or replaces by id. Raises ValueError, and changes nothing, for a row that does not fit the bucket."""
        self._wants.put(row)

    def remove(self, id: UUID) -> None:
        """Harmless for what is not there."""
        self._offers.remove(id)
        self._wants.remove(id)

    def rank_offer(self, id: UUID) -> Ranking:
        """Every open want for an offer, best first; none for an offer that does not stand here."""
        return self._ranked("offer", id)

    def rank_want(self, id: UUID) -> Ranking:
        """Every open offer for a want, best first; none for a want that does not stand here."""
        return self._ranked("want", id)

    def blocked_offer(self, id: UUID) -> Ranking:
        """Every want that nothing but the law closes to an offer, by the score that it would have."""
        return self._ranked("offer", id, lawful=False)

    def blocked_want(self, id: UUID) -> Ranking:
        """Every offer that nothing but the law closes to a want, by the score that it would have."""
        return self._ranked("want", id, lawful=False)

    def best(self, side: SideName, id: UUID, count: int) -> Ranking:
        """Exactly the first `count` of the whole ranking; side: of the listing whose list it is."""
        return self._ranked(side, id, count=count)

    def rank_in(self, side: SideName, id: UUID, counterpart_id: UUID) -> int | None:
        """The place, from 0, of a counterpart in the ranking of a listing of this side; None where the pair is not open."""
        others = self._wants if side == "offer" else self._offers
        slot, scored = others.slot(counterpart_id), self._scored(side, id)
        return None if slot is None or scored is None else scored.place_of(slot)

    def places_in(self, side: SideName, id: UUID, counterpart_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The place, from 0, of a listing of this side in the ranking of each counterpart; those whose pair is not open are left out.

        As `rank_in` for each, and several times faster: the rankings are made together, some at a time, so that memory is bounded."""
        own, others = (self._offers, self._wants) if side == "offer" else (self._wants, self._offers)
        slot, stand = own.slot(id), {others.slot(one): one for one in counterpart_ids}
        if slot is None:
            return {}
        lists, found = np.array([one for one in stand if one is not None], np.intp), dict[UUID, int]()
        step = max(1, PAIRS_AT_ONCE // max(1, len(own)))
        for begin in range(0, len(lists), step):
            for which, place in self._places(side, slot, lists[begin : begin + step]).items():
                found[stand[which]] = place
        return found

    def _places(self, side: SideName, slot: int, lists: Slots) -> dict[int, int]:
        own, others = (self._offers, self._wants) if side == "offer" else (self._wants, self._offers)
        listed, whose = own.at(np.tile(np.arange(len(own)), len(lists))), others.at(np.repeat(lists, len(own)))
        pairs = passing(*((listed, whose) if side == "offer" else (whose, listed)), self._terms, lawful=True)
        listed, whose = (pairs.offers, pairs.wants) if side == "offer" else (pairs.wants, pairs.offers)
        assert not isinstance(whose.slots, int)
        return Scored.of(pairs, listed, self._terms).places_of(slot, whose.slots)

    def _ranked(self, side: SideName, id: UUID, *, lawful: bool = True, count: int | None = None) -> Ranking:
        scored = self._scored(side, id, lawful=lawful)
        return nothing() if scored is None else scored.first(count)

    def _scored(self, side: SideName, id: UUID, *, lawful: bool = True) -> Scored | None:
        """All pairs of a listing behind the gates; None where it does not stand here, or nothing stands on the other side."""
        slot = (self._offers if side == "offer" else self._wants).slot(id)
        if slot is None or not len(self._offers) or not len(self._wants):
            return None
        offers = self._offers.one(slot) if side == "offer" else self._offers.all()
        wants = self._wants.all() if side == "offer" else self._wants.one(slot)
        pairs = passing(offers, wants, self._terms, lawful=lawful)
        return Scored.of(pairs, pairs.wants if side == "offer" else pairs.offers, self._terms)
