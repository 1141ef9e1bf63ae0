"""The columns of a spreadsheet, a tuple a side (api.md, CSV import), and what kind of cell stands in which."""

from __future__ import annotations

from typing import Literal

SideName = Literal["offer", "want"]

FACTS = ("own_process_by_product", "directly_usable", "post_consumer", "same_process", "ancillary_activity", "mixed_with_hazardous")
COLUMNS: dict[SideName, tuple[str, ...]] = {
    "offer": (
        *("external_id", "site", "material", "title", "description", "quantity_amount", "quantity_unit", "rhythm", "divisible"),
        *("minimum_lot_amount", "minimum_lot_unit", "price_amount", "price_per", "grade", "available_from", "available_until"),
        *FACTS,
        "publish",
    ),
    "want": (
        *("external_id", "site", "accepts", "title", "description", "minimum_amount", "minimum_unit", "maximum_amount", "maximum_unit"),
        *("accept_partial", "rhythm", "radius_km", "max_price_amount", "max_price_per", "min_grade", "needed_from", "needed_until"),
        "publish",
    ),
}
REQUIRED: dict[SideName, tuple[str, ...]] = {
    "offer": ("external_id", "material", "title", "quantity_amount", "quantity_unit"),
    "want": ("external_id", "accepts", "title", "minimum_amount", "minimum_unit", "radius_km"),
}
NUMBERS = frozenset(
    {"quantity_amount", "minimum_lot_amount", "price_amount", "minimum_amount", "maximum_amount", "radius_km", "max_price_amount"}
)
TIMES = frozenset({"available_from", "available_until", "needed_from", "needed_until"})
TEXTS = frozenset({"external_id", "site", "title", "description"})


def column_of(field: str) -> str:
    """The column behind a dotted field of a draft: `quantity.amount` is `quantity_amount`."""
    first, _, rest = field.partition(".")
    if first == "accepts":
        return first
    if first == "facts":
        return rest or first
    if first == "site_id":
        return "site"
    if first in ("quantity", "minimum_lot", "price", "minimum", "maximum", "max_price"):
        return f"{first}_{rest}" if rest else f"{first}_amount"
    return first
