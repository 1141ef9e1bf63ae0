"""Words as people type them: with or without accents, in capitals or not."""

from __future__ import annotations

import unicodedata


def plain_word(text: str) -> str:
    """Without accents, case and surplus blanks: "Merma de Hilandería " is "merma de hilanderia"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in decomposed if not unicodedata.combining(letter)).split())
