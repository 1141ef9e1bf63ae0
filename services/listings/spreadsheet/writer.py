"""From listings to the rows of a spreadsheet, in the columns of the import: what is exported is imported without effect.

Load-bearing: a listing without an external_id is called by its id, which the import understands, so that every listing finds itself again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal

from contracts.values import plain
from kit.csv_cells import harmless
from services.listings.listing import Listing
from services.listings.offer import Offer
from services.listings.spreadsheet.columns import COLUMNS, FACTS
from services.listings.spreadsheet.reader import Sites
from services.listings.want import Want


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the listings of one organisation. separator: of the cells, by which the decimal mark is chosen."""

    separator: str
    zone: timezone
    sites: Sites

    def row(self, listing: Listing) -> Sequence[str]:
        """The cells in the order of COLUMNS."""
        if isinstance(listing, Offer):
            cells = self._common(listing) | self._offer(listing)
            return [cells[column] for column in COLUMNS["offer"]]
        assert isinstance(listing, Want)
        cells = self._common(listing) | self._want(listing)
        return [cells[column] for column in COLUMNS["want"]]

    def _common(self, listing: Listing) -> dict[str, str]:
        return {
            "external_id": harmless(listing.external_id or str(listing.id)),
            "site": harmless(self.sites.cell_of(str(listing.site_id))),
            "title": harmless(listing.title),
            "description": harmless(listing.description),
            "rhythm": listing.rhythm,
            "publish": _choice(listing.is_published),
        }

    def _offer(self, offer: Offer) -> dict[str, str]:
        return {
            "material": offer.material,
            "quantity_amount": self._number(offer.quantity_amount),
            "quantity_unit": offer.quantity_unit,
            "divisible": _choice(offer.divisible),
            "minimum_lot_amount": self._number(offer.minimum_lot_amount),
            "minimum_lot_unit": offer.minimum_lot_unit or "",
            "price_amount": self._number(offer.price_amount),
            "price_per": offer.price_per or "",
            "grade": offer.grade or "",
            "available_from": self._time(offer.available_from),
            "available_until": self._time(offer.available_until),
            **{name: _choice(offer.stated_facts.get(name)) for name in FACTS},
        }

    def _want(self, want: Want) -> dict[str, str]:
        return {
            "accepts": "; ".join(_accepted(entry["material"], entry["weight"]) for entry in want.accepts),
            "minimum_amount": self._number(want.minimum_amount),
            "minimum_unit": want.minimum_unit,
            "maximum_amount": self._number(want.maximum_amount),
            "maximum_unit": want.maximum_unit or "",
            "accept_partial": _choice(want.accept_partial),
            "radius_km": self._number(_exact(want.radius_km)),
            "max_price_amount": self._number(want.max_price_amount),
            "max_price_per": want.max_price_per or "",
            "min_grade": want.min_grade or "",
            "needed_from": self._time(want.needed_from),
            "needed_until": self._time(want.needed_until),
        }

    def _number(self, amount: Decimal | None) -> str:
        text = "" if amount is None else plain(amount)
        return text.replace(".", ",") if self.separator == ";" else text

    def _time(self, moment: datetime | None) -> str:
        """With its zone, and not as a day: a spreadsheet leaves it as it is, and to the microsecond."""
        return "" if moment is None else moment.astimezone(self.zone).isoformat()


def _exact(figure: float) -> Decimal:
    """The shortest decimal that is this double again."""
    return Decimal(repr(figure))


def _accepted(code: str, weight: float) -> str:
    return code if weight == 1 else f"{code}={plain(_exact(weight))}"


def _choice(answer: bool | None) -> str:
    return "" if answer is None else "si" if answer else "no"
