"""The plain reference of matching.md, section 5: who is told of what, over a whole history, slowly and obviously.

It keeps lists and looks through all of them each time; it shares with matching only the conversion of a listing into numbers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.envelope import Event
from contracts.listings import DealEvent, OfferFact, WantFact
from services.matching.bucket import Rulebook
from tests.reference.scorer import Verdict, judge, key

FOUND, BEST, TOLD_FROM = 50, 5, 0.5
NEVER_RANKED = ("agreed", "declined", "released")
NEVER_LAPSING = (*NEVER_RANKED, "offered")
Pair = tuple[UUID, UUID]


@dataclass
class History:
    """What one partition has heard. told: how often each organisation was told of a pair; lapsed: how often a pair lapsed."""

    rulebook: Rulebook
    partition: int
    facts: dict[UUID, Any] = field(default_factory=dict)
    answers: dict[Pair, Any] = field(default_factory=dict)
    told: Counter[tuple[Pair, UUID]] = field(default_factory=Counter)
    lapsed: Counter[Pair] = field(default_factory=Counter)
    _known: set[tuple[Pair, str, object]] = field(default_factory=set)
    _open: set[Pair] = field(default_factory=set)
    _verdicts: dict[tuple[UUID, int, UUID, int], Verdict] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        """One event of the standing topic, in whatever order it comes."""
        if isinstance(event, DealEvent):
            self._hear_deal(event.data)
            return
        fact: Any = event.data
        if fact.id in self.facts and self.facts[fact.id].version >= fact.version:
            return
        self.facts[fact.id] = fact
        if fact.state == "published":
            self._tell(fact)
        self._settle({pair for pair in self._ever_told() if fact.id in pair})

    def _hear_deal(self, deal: Any) -> None:
        pair = (deal.offer_id, deal.want_id)
        if pair not in self.answers or self.answers[pair].version < deal.version:
            self.answers[pair] = deal
            self._settle({pair} & self._ever_told())

    def buckets_of(self, fact: Any) -> list[str]:
        return [bucket for bucket in self.rulebook.buckets_of(fact) if self.rulebook.catalogue.partitions[bucket] == self.partition]

    def _ever_told(self) -> set[Pair]:
        return {pair for pair, _, _ in self._known}

    def _tell(self, fact: Any) -> None:
        for bucket in self.buckets_of(fact):
            for place, (counterpart, verdict) in enumerate(self.best(fact, bucket, FOUND)):
                if verdict.score < TOLD_FROM:
                    continue
                other = self.facts[counterpart]
                if place < BEST:
                    self._tell_side(fact, other, fact)
                if fact.id in [id for id, _ in self.best(other, bucket, BEST)]:
                    self._tell_side(fact, other, other)

    def _tell_side(self, fact: Any, other: Any, hearer: Any) -> None:
        offer, want = (fact, other) if isinstance(fact, OfferFact) else (other, fact)
        side = "offer" if hearer is offer else "want"
        key = ((offer.id, want.id), side, (offer.published_at, want.published_at))
        if key not in self._known:
            self._known.add(key)
            self.told[(offer.id, want.id), hearer.organisation_id] += 1
            self._open.add((offer.id, want.id))

    def _settle(self, pairs: set[Pair]) -> None:
        for pair in pairs:
            answer = self.answers.get(pair)
            if answer is not None and answer.state in NEVER_LAPSING:
                continue
            if self.is_open(pair):
                self._open.add(pair)
            elif pair in self._open:
                self._open.remove(pair)
                self.lapsed[pair] += 1

    def is_open(self, pair: Pair) -> bool:
        """Whether every gate lets the pair through now."""
        offer, want = (self.facts[id] for id in pair)
        return offer.state == want.state == "published" and not self.verdict(offer, want).closed

    def verdict(self, offer: OfferFact, want: WantFact) -> Verdict:
        """Of any pair; reckoned once for two versions."""
        pair = (offer.id, offer.version, want.id, want.version)
        if pair not in self._verdicts:
            bucket = self.rulebook.catalogue.materials[offer.material].family
            self._verdicts[pair] = judge(self.rulebook.offer_row(offer), self.rulebook.want_row(want, bucket))
        return self._verdicts[pair]

    def best(self, fact: Any, bucket: str, count: int, closed: tuple[str, ...] = ()) -> list[tuple[UUID, Verdict]]:
        """The counterparts in a bucket that every gate lets through (or all but these), best first, without what was answered for good."""
        is_offer = isinstance(fact, OfferFact)
        found = []
        for other in self.facts.values():
            offer, want = (fact, other) if is_offer else (other, fact)
            if not (isinstance(offer, OfferFact) and isinstance(want, WantFact) and offer.state == want.state == "published"):
                continue
            if bucket not in self.buckets_of(offer) or bucket not in self.buckets_of(want):
                continue
            answer = self.answers.get((offer.id, want.id))
            if answer is not None and answer.state in NEVER_RANKED:
                continue
            verdict = self.verdict(offer, want)
            if verdict.closed == closed:
                found.append((other.id, verdict))
        return sorted(found, key=lambda one: key(one[1], one[0]))[:count]
