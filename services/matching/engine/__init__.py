"""The scoring engine: pure numbers (numpy and itself), one bucket at a time. matching.md says what it computes."""

from services.matching.engine.index import Index, Pair, Ranking, score_pair
from services.matching.engine.rows import OfferRow, WantRow
from services.matching.engine.terms import FACTORS, Terms

__all__ = ["FACTORS", "Index", "OfferRow", "Pair", "Ranking", "Terms", "WantRow", "score_pair"]
