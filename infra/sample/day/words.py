"""What somebody reads who watches the stream: one line for each thing that happened.

Load-bearing: `plain`. Titles and reasons are what people typed: nothing in them may move the cursor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Fact = Mapping[str, Any]
TITLE_WIDTH = 44
VERB_WIDTH = 12
PROPOSED = "pe.ayni.match.proposed.v1"


def plain(text: str, width: int = TITLE_WIDTH) -> str:
    """One line of printable characters, cut to the width."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"


@dataclass(slots=True)
class Storyteller:
    """Remembers who is who by organisation id, and what was last said of each listing."""

    names: Mapping[str, str]
    listings: dict[str, Fact] = field(default_factory=dict)

    def tell(self, event: Fact) -> str:
        """An event of a listing or of a deal."""
        kind, fact = str(event["type"]).removeprefix("pe.ayni.").removesuffix(".v1"), event["data"]
        verb, words = TELLINGS[kind]
        line = f"{verb:<{VERB_WIDTH}}{words(self, fact)}"
        if kind.startswith(("offer.", "want.")):
            self.listings[fact["id"]] = fact
        return line

    def tell_matches(self, events: Sequence[Fact]) -> list[str]:
        """Events of matches that came together: a line for what was told of each listing, and one for all that lapsed."""
        told: dict[str, list[Fact]] = defaultdict(list)
        lapsed: list[Fact] = []
        for event in events:
            fact = event["data"]
            if event["type"] == PROPOSED:
                told[fact["cause"]["listing_id"]].append(fact)
            else:
                lapsed.append(fact)
        return [*(self._proposed(found) for found in told.values()), *([self._lapsed(lapsed)] if lapsed else [])]

    def _proposed(self, found: Sequence[Fact]) -> str:
        """The best one, and how many more."""
        best = max(found, key=lambda fact: float(fact["score"]))
        figures = f"score {best['score']:.2f}, {best['distance_km']:,.0f} km, {best['quantity_kg']:,.0f} kg"
        return f"{'match':<{VERB_WIDTH}}{self.pair(best)}: {figures}{_more(found)}"

    def _lapsed(self, found: Sequence[Fact]) -> str:
        """A listing that goes takes its matches with it: one of them, and how many more."""
        return f"{'no match':<{VERB_WIDTH}}{self.pair(found[0])}{_more(found)}"

    def pair(self, fact: Fact) -> str:
        return f"{self._title(fact['offer_id'])} ↔ {self._title(fact['want_id'])}"

    def _title(self, id: str) -> str:
        known = self.listings.get(id)
        return f"“{plain(known['title'])}”" if known else f"listing {id}"

    def who(self, id: str | None) -> str:
        return self.names.get(id or "", "somebody")

    def listing(self, fact: Fact) -> str:
        """Whose, what, how much, for how much, where."""
        place = fact["place"]["district"] or fact["place"]["department"] or "somewhere"
        holder = self.names.get(fact["organisation_id"])
        parts = (f"“{plain(fact['title'])}”", quantity(fact), price(fact), f"{holder}, {place}" if holder else place)
        return " · ".join(part for part in parts if part)

    def changed(self, fact: Fact) -> str:
        """What is new of it, of all that a person would ask about."""
        before = self.listings.get(fact["id"], fact)
        said = [f"{one(before) or 'unstated'} → {one(fact) or 'unstated'}" for one in (price, left) if one(before) != one(fact)]
        return f"“{plain(fact['title'])}”: {', '.join(said) or 'other terms'}"

    def deal(self, fact: Fact) -> str:
        return self.pair(fact)

    def offered(self, fact: Fact) -> str:
        return f"{self.pair(fact)}: {self.who(fact['accepted_by'][-1] if fact['accepted_by'] else None)} accepts"

    def agreed(self, fact: Fact) -> str:
        return f"{self.pair(fact)}: {Decimal(fact['quantity_kg']):,.0f} kg"

    def refused(self, fact: Fact) -> str:
        reason = f": “{plain(fact['reason'], 80)}”" if fact["reason"] else ""
        return f"{self.pair(fact)} by {self.who(fact.get('answered_by'))}{reason}"

    def spoilt(self, fact: Fact) -> str:
        return f"“{plain(fact['title'])}” is no longer fresh: {fact['regime']['slug']} from now on ({fact['regime']['source']})"


def _more(found: Sequence[Fact]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""


def is_of_match(event: Fact) -> bool:
    """Whether it is one of those that `tell_matches` tells."""
    return str(event["type"]).startswith("pe.ayni.match.")


def amount(stated: Fact) -> str:
    """Without the zeros that nobody types."""
    return f"{Decimal(stated['amount']).normalize():,f}"


def quantity(fact: Fact) -> str:
    """Of an offer what there is; of a want from how much to how much; of a recurring listing a month."""
    if "quantity" in fact:
        said = f"{amount(fact['quantity'])} {fact['quantity']['unit']}"
    elif fact["maximum"] is None:
        said = f"from {amount(fact['minimum'])} {fact['minimum']['unit']}"
    else:
        said = f"{amount(fact['minimum'])} {fact['minimum']['unit']} to {amount(fact['maximum'])} {fact['maximum']['unit']}"
    return f"{said} a month" if fact["rhythm"] == "recurring" else said


def left(fact: Fact) -> str:
    """Of an offer what is available still, of a want what is agreed."""
    if "available" in fact:
        return f"{amount(fact['available'])} {fact['available']['unit']} left"
    return f"{amount(fact['agreed'])} {fact['agreed']['unit']} agreed"


def price(fact: Fact) -> str:
    if "max_price" in fact:
        return f"up to {_soles(fact['max_price'])}" if fact["max_price"] else ""
    return _soles(fact["price"]) if fact["price"] else ""


def _soles(stated: Fact) -> str:
    return f"{amount(stated)} {stated['currency']}/{stated['per']}"


TELLINGS: Mapping[str, tuple[str, Callable[[Storyteller, Fact], str]]] = {
    "offer.published": ("offer", Storyteller.listing),
    "offer.changed": ("changed", Storyteller.changed),
    "offer.withdrawn": ("withdrawn", Storyteller.listing),
    "offer.lapsed": ("lapsed", Storyteller.listing),
    "offer.lapsed_to_waste": ("waste", Storyteller.spoilt),
    "offer.exhausted": ("all taken", Storyteller.listing),
    "want.published": ("want", Storyteller.listing),
    "want.changed": ("changed", Storyteller.changed),
    "want.withdrawn": ("withdrawn", Storyteller.listing),
    "want.lapsed": ("lapsed", Storyteller.listing),
    "want.satisfied": ("satisfied", Storyteller.listing),
    "deal.offered": ("accepted", Storyteller.offered),
    "deal.agreed": ("agreed", Storyteller.agreed),
    "deal.declined": ("declined", Storyteller.refused),
    "deal.voided": ("void", Storyteller.deal),
    "deal.released": ("released", Storyteller.refused),
}
"""By kind of event, all but those of matches."""
