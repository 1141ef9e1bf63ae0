"""Words as people type them: with or without accents, in capitals or not."""

from __future__ import annotations

import unicodedata

SHORTEST_PLURAL = 3  # letters: "gas" is no plural


def plain_word(text: str) -> str:
    """Without accents, case and surplus blanks: "Merma de Hilandería " is "merma de hilanderia"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in decomposed if not unicodedata.combining(letter)).split())


def forms_of(word: str) -> tuple[str, ...]:
    """A plain word as it is, and what it may be one of: "mermas" is "merma" too, "metales" is "metal"."""
    singular = [word.removesuffix(ending) for ending in ("s", "es") if word.endswith(ending) and len(word) > SHORTEST_PLURAL]
    return (word, *singular)
