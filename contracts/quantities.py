"""Amounts in the units people count in, and the kilograms and tonnes that the rules count in (api.md, Quantity and Price).

Exact decimals throughout; kilograms become doubles nowhere but in the engine.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from contracts.catalogue import Material
from contracts.values import KILOGRAMS_PER_TONNE, Price, Quantity

LITRES_PER_CUBIC_METRE = Decimal(1000)
SMALLEST = Decimal("0.000000001")  # nine digits after the point, as amounts have at the edge


class UnitError(ValueError):
    """The material cannot be counted in this unit."""


def kilograms_per(unit: str, material: Material) -> Decimal:
    """Kilograms in one of the unit. Raises UnitError where the material has no density or unit weight."""
    if unit == "kg":
        return Decimal(1)
    if unit == "t":
        return KILOGRAMS_PER_TONNE
    if unit == "unit":
        return _stated(material.unit_weight_kg, material, "unit", "weight per unit")
    density = _stated(material.density_kg_m3, material, unit, "density")
    return density if unit == "m3" else density / LITRES_PER_CUBIC_METRE


def _stated(figure: Decimal | None, material: Material, unit: str, what: str) -> Decimal:
    if figure is None:
        raise UnitError(f"{material.code} has no {what} in the catalogue, so it cannot be counted in {unit}: use kg or t")
    return figure


def kilograms(quantity: Quantity, material: Material) -> Decimal:
    """The quantity in kilograms."""
    return quantity.amount * kilograms_per(quantity.unit, material)


def in_unit(amount_kg: Decimal, unit: str, material: Material) -> Decimal:
    """Kilograms in a unit, rounded down to nine digits, so that what is shown as available is never more than there is."""
    return (amount_kg / kilograms_per(unit, material)).quantize(SMALLEST, ROUND_DOWN)


def soles_per_tonne(price: Price, material: Material) -> Decimal:
    """The price of one tonne; may be negative."""
    return price.amount * KILOGRAMS_PER_TONNE / kilograms_per(price.per, material)
