"""A match as it is shown: the pair's score with its factors and weights, its state, and what the law says of it."""

from __future__ import annotations

from typing import Any

from contracts.listings import OfferFact, WantFact
from contracts.matching import Factors, Match, MatchState, Reasons, match_id
from services.matching.bucket import WEIGHTS
from services.matching.engine import Pair
from services.matching.market import Market
from services.matching.reasons import reasons

ANSWERED: dict[str, MatchState] = {"offered": "offered", "agreed": "agreed", "declined": "declined", "released": "released"}
LAW = "law"  # the engine's name for the regime and licence gate


def match_fields(market: Market, offer: OfferFact, want: WantFact, scored: Pair | None = None) -> dict[str, Any]:
    """The fields of contracts.matching.MatchFields. The score of a closed pair is what it would have. scored: as a list just found it."""
    pair, key = scored or market.score(offer, want), (offer.id, want.id)
    receipt, answer = market.rulebook.receipt(offer, want), market.answers.get(key)
    state = match_state(market, offer, want, pair.closed)
    return {
        "id": match_id(offer.id, want.id),
        "offer_id": offer.id,
        "want_id": want.id,
        "material": offer.material,
        "score": pair.score,
        "factors": Factors(**pair.factors),
        "weights": Factors(**WEIGHTS),
        "distance_km": pair.distance_km,
        "quantity_kg": pair.quantity_kg,
        "state": state,
        "accepted_by": answer.accepted_by if answer else (),
        "blocked_by": (receipt.slug,) if state == "blocked" else (),
        "evidence": receipt.evidence,
        "offer_version": offer.version,
        "want_version": want.version,
        "deal_id": answer.deal_id if answer else None,
    }


def match_state(market: Market, offer: OfferFact, want: WantFact, closed: tuple[str, ...]) -> MatchState:
    """What was answered comes first; then what the gates say now."""
    answered = market.answer_state((offer.id, want.id))
    if answered is not None:
        return ANSWERED[answered]
    if not (offer.state == want.state == "published"):
        return "lapsed"
    if closed == (LAW,):
        return "blocked"
    return "lapsed" if closed else "proposed"


def shown(market: Market, offer: OfferFact, want: WantFact, scored: Pair | None = None) -> Match:
    """With its reasons, for people."""
    fields = match_fields(market, offer, want, scored)
    es, en = (reasons(fields, offer, want, market.rulebook, language) for language in ("es", "en"))
    return Match(**fields, reasons=Reasons(es=es, en=en))
