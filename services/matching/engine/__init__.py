"""The scoring engine: pure numbers, one bucket at a time; knows numpy and itself. matching.md, sections 1 to 3, says what it computes."""

from services.matching.engine.index import Index
from services.matching.engine.pairs import Pair, score_pair
from services.matching.engine.ranking import Ranking
from services.matching.engine.rows import OfferRow, WantRow
from services.matching.engine.terms import FACTORS, Terms

__all__ = ["FACTORS", "Index", "OfferRow", "Pair", "Ranking", "Terms", "WantRow", "score_pair"]
