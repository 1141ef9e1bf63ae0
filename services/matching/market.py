"""The standing market of one partition in memory: what is listed, indexed by bucket, which pairs were told, and what was answered.

Pure bookkeeping, no IO. It is rebuilt from the tables when the partition is assigned. Load-bearing: the journal. Every change of a batch
notes what stood before it, so that a batch that fails before its commit leaves no trace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar
from uuid import UUID

from contracts.listings import Deal, OfferFact, WantFact
from contracts.routing import partition_of
from services.matching.bucket import Rulebook
from services.matching.engine import Index, Pair, Ranking, score_pair

SideName = Literal["offer", "want"]
PairKey = tuple[UUID, UUID]  # offer, want
Fact = OfferFact | WantFact
Kept = TypeVar("Kept")
CLOSING = frozenset({"agreed", "declined", "released"})  # answers that take a pair out of the ranking
KEEPING = CLOSING | {"offered"}  # answers that keep a told pair from lapsing


@dataclass(frozen=True, slots=True)
class Told:
    """A told pair. Publications are those of the two listings together (see `publication`)."""

    version: int = 0
    is_lapsed: bool = False
    holder_told: str | None = None
    seeker_told: str | None = None

    def told_to(self, side: SideName) -> str | None:
        return self.holder_told if side == "offer" else self.seeker_told

    def tell(self, side: SideName, publication: str) -> Told:
        return replace(self, holder_told=publication) if side == "offer" else replace(self, seeker_told=publication)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What listings last said of a pair's deal."""

    deal_id: UUID
    version: int
    state: str
    accepted_by: tuple[UUID, ...]

    @classmethod
    def of(cls, deal: Deal) -> KeptAnswer:
        return cls(deal.id, deal.version, deal.state, deal.accepted_by)


def _put_back(kept: dict[PairKey, Kept], key: PairKey, before: Kept | None) -> None:
    if before is None:
        kept.pop(key, None)
    else:
        kept[key] = before


def side_of(fact: Fact) -> SideName:
    return "offer" if isinstance(fact, OfferFact) else "want"


def other(side: SideName) -> SideName:
    return "want" if side == "offer" else "offer"


def pair_key(side: SideName, id: UUID, counterpart: UUID) -> PairKey:
    return (id, counterpart) if side == "offer" else (counterpart, id)


def publication(offer: OfferFact, want: WantFact) -> str:
    """A pair is published anew when either listing is."""
    return f"{offer.published_at:%Y%m%dT%H%M%S.%f}/{want.published_at:%Y%m%dT%H%M%S.%f}"


@dataclass(slots=True)
class Journal:
    """Of what the batch in hand has changed, what stood before it; None where nothing did. answers: with what the batch put there."""

    facts: dict[UUID, Fact | None] = field(default_factory=dict)
    told: dict[PairKey, Told | None] = field(default_factory=dict)
    answers: dict[PairKey, tuple[KeptAnswer | None, KeptAnswer]] = field(default_factory=dict)


@dataclass(slots=True)
class Market:
    """One partition. facts: every listing ever heard of here, by its last event; only published ones are in an index."""

    partition: int
    rulebook: Rulebook
    facts: dict[UUID, Fact] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    told: dict[PairKey, Told] = field(default_factory=dict)
    answers: dict[PairKey, KeptAnswer] = field(default_factory=dict)
    pairs_of: dict[UUID, set[PairKey]] = field(default_factory=lambda: defaultdict(set))
    journal: Journal = field(default_factory=Journal)

    def begin_batch(self) -> None:
        """From here on, `undo` leads back to here."""
        self.journal = Journal()

    def undo(self) -> None:
        """The batch in hand never was."""
        journal, self.journal = self.journal, Journal()
        for id, fact in journal.facts.items():
            self._leave_indexes(id)
            if fact is None:
                self.facts.pop(id, None)
            else:
                self.take(fact)
        for key, told in journal.told.items():
            _put_back(self.told, key, told)
        for key, (before, put) in journal.answers.items():
            if self.answers.get(key) is put:
                _put_back(self.answers, key, before)
        self.journal = Journal()

    def has_passed(self, fact: Fact) -> bool:
        """Invariant 3: a version that is not newer than what stands changes nothing."""
        return self.has_heard(fact.id, fact.version)

    def has_heard(self, id: UUID, version: int) -> bool:
        """Whether a listing stands here at this version or a later one."""
        known = self.facts.get(id)
        return known is not None and known.version >= version

    def take(self, fact: Fact) -> None:
        """A listing as its newest event says: into its buckets' indexes if published, else out of them."""
        self.journal.facts.setdefault(fact.id, self.facts.get(fact.id))
        self.facts[fact.id] = fact
        self._leave_indexes(fact.id)
        if fact.state != "published":
            return
        for bucket in self.buckets_of(fact):
            index = self._index(bucket)
            if isinstance(fact, OfferFact):
                index.put_offer(self.rulebook.offer_row(fact))
            else:
                index.put_want(self.rulebook.want_row(fact, bucket))

    def _leave_indexes(self, id: UUID) -> None:
        for index in self.indexes.values():
            index.remove(id)

    def buckets_of(self, fact: Fact) -> list[str]:
        """The listing's buckets that are matched on this partition."""
        catalogue = self.rulebook.catalogue
        return sorted(bucket for bucket in self.rulebook.buckets_of(fact) if partition_of(bucket, catalogue) == self.partition)

    def _index(self, bucket: str) -> Index:
        if bucket not in self.indexes:
            self.indexes[bucket] = Index(len(self.rulebook.materials_of(bucket)), self.rulebook.terms)
        return self.indexes[bucket]

    def keep_told(self, key: PairKey, told: Told) -> None:
        self.journal.told.setdefault(key, self.told.get(key))
        self.told[key] = told
        self._relate(key)

    def keep_answer(self, key: PairKey, answer: KeptAnswer) -> bool:
        """False, and nothing, where a newer answer is known."""
        known = self.answers.get(key)
        if known is not None and known.version > answer.version:
            return False
        before, _ = self.journal.answers.get(key, (known, answer))
        self.journal.answers[key] = (before, answer)
        self.answers[key] = answer
        self._relate(key)
        return True

    def keep_reply(self, key: PairKey, answer: KeptAnswer) -> None:
        """What listings replied to a call stands, whatever becomes of the batch in hand."""
        if self.keep_answer(key, answer):
            del self.journal.answers[key]

    def _relate(self, key: PairKey) -> None:
        for listing in key:
            self.pairs_of[listing].add(key)

    def answer_state(self, key: PairKey) -> str | None:
        """The state of the pair's deal; None where nothing is answered, or no longer."""
        found = self.answers.get(key)
        return None if found is None or found.state == "open" else found.state

    def ranking(self, fact: Fact, bucket: str) -> Ranking:
        """Every open counterpart in a bucket, best first."""
        index = self._index(bucket)
        return index.rank_offer(fact.id) if isinstance(fact, OfferFact) else index.rank_want(fact.id)

    def blocked(self, fact: Fact, bucket: str) -> Ranking:
        """Every counterpart that only the law closes, best first."""
        index = self._index(bucket)
        return index.blocked_offer(fact.id) if isinstance(fact, OfferFact) else index.blocked_want(fact.id)

    def best(self, side: SideName, id: UUID, bucket: str, count: int) -> list[tuple[UUID, Pair]]:
        """The best counterparts and what they score, without those whose pair was agreed, declined or released."""
        closed = {key for key in self.pairs_of.get(id, ()) if self.answer_state(key) in CLOSING}
        found = self._index(bucket).best(side, id, count + len(closed))
        ranked = [(place, counterpart) for place, counterpart in enumerate(found.ids) if pair_key(side, id, counterpart) not in closed]
        return [(counterpart, found.pair(place)) for place, counterpart in ranked[:count]]

    def has_among_best(self, side: SideName, id: UUID, bucket: str, counterparts: Sequence[UUID], count: int) -> set[UUID]:
        """Those of the counterparts that have the listing among their `count` best: as `best` of each says, made together where nothing was
        answered."""
        answered = {one for one in counterparts if any(self.answer_state(key) in CLOSING for key in self.pairs_of.get(one, ()))}
        places = self._index(bucket).places_in(side, id, [one for one in counterparts if one not in answered])
        slowly = {one for one in answered if id in {rival for rival, _ in self.best(other(side), one, bucket, count)}}
        return slowly | {one for one, place in places.items() if place < count}

    def score(self, offer: OfferFact, want: WantFact) -> Pair:
        """Any pair, also one that no gate lets through."""
        row = self.rulebook.offer_row(offer)
        bucket = self.rulebook.catalogue.materials[offer.material].family
        return score_pair(row, self.rulebook.want_row(want, bucket), self.rulebook.terms)

    def is_open(self, key: PairKey) -> bool:
        """Whether every gate is open, by what stands now."""
        facts = [self.facts.get(id) for id in key]
        offer, want = facts
        if not (isinstance(offer, OfferFact) and isinstance(want, WantFact)):
            return False
        if not (offer.state == want.state == "published"):
            return False
        return not self.score(offer, want).closed
