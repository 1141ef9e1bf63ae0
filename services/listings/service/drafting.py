"""From what a holder wrote to what is kept: materials and units checked against the catalogue, kilograms and places derived.

All that is wrong is named at once, because a person with a phone corrects a form once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from contracts import listings as public
from contracts.catalogue import Material
from contracts.countries import Country
from contracts.quantities import UnitError, kilograms, kilograms_per, soles_per_tonne
from contracts.values import Price, Quantity
from kit.problems import FieldError, Unprocessable
from services.listings.offer import Offer
from services.listings.organisation import Site
from services.listings.rules import Rules
from services.listings.schemas import ListingDraft, OfferDraft, WantDraft
from services.listings.want import Want

MAX_FAMILIES = 3  # matching.md, section 2
FAR_FROM_USUAL = Decimal(10)  # times the reference price


def site_for(draft: ListingDraft, sites: list[Site]) -> Site:
    """The draft's own site; where it names none, the only one there is. Raises 422."""
    named = [site for site in sites if draft.site_id in (None, site.id)]
    if len(named) == 1:
        return named[0]
    message = "you have several sites: say which" if draft.site_id is None else "is no site of yours: add it first (POST /v1/sites)"
    raise Unprocessable(f"site_id: {message}", [FieldError("site_id", message)])


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise Unprocessable("; ".join(f"{error.field}: {error.message}" for error in errors), errors)


def write_offer(offer: Offer, draft: OfferDraft, site: Site, rules: Rules, land: Country, now: datetime) -> None:
    """Puts the draft into the offer. Raises 422 naming every field that does not fit."""
    material = rules.catalogue.get(draft.material)
    if material is None:
        return _refuse([rules.unknown_material("material", draft.material)])
    _refuse([*_offer_errors(offer, draft, material, now)])
    lot, price = draft.minimum_lot, draft.price
    offer.material, offer.title, offer.description = draft.material, draft.title, draft.description
    offer.rhythm, offer.external_id = draft.rhythm, draft.external_id
    offer.quantity_amount, offer.quantity_unit = draft.quantity.amount, draft.quantity.unit
    offer.quantity_kg = kilograms(draft.quantity, material)
    offer.divisible, offer.grade = draft.divisible, draft.grade
    offer.minimum_lot_amount, offer.minimum_lot_unit = (None, None) if lot is None else (lot.amount, lot.unit)
    offer.minimum_lot_kg = Decimal(0) if lot is None else kilograms(lot, material)
    offer.price_amount, offer.price_per = (None, None) if price is None else (price.amount, price.per)
    offer.available_from, offer.available_until = draft.available_from or now, draft.available_until
    offer.stated_facts = {} if draft.facts is None else draft.facts.stated
    offer.stand_at(site.id, land.place_of(site.latitude, site.longitude, site.place_code))
    offer.judge(material, land, now)
    return None


def _offer_errors(offer: Offer, draft: OfferDraft, material: Material, now: datetime) -> Iterator[FieldError]:
    if offer.published_at is not None and draft.material != offer.material:
        yield FieldError("material", "cannot change once the offer has been published: withdraw it and list the other material")
    yield from _unit_errors(material, [("quantity", draft.quantity), ("minimum_lot", draft.minimum_lot)], [("price", draft.price)])
    yield from _window_errors("available_until", draft.available_from, draft.available_until, now)
    if not _has_units(material, draft.quantity):
        return
    if kilograms(draft.quantity, material) < (offer.taken_kg or 0):
        yield FieldError("quantity", f"deals have already taken {offer.taken_kg.normalize():f} kg of it: state at least that")


def write_want(want: Want, draft: WantDraft, site: Site, rules: Rules, land: Country, now: datetime) -> None:
    """Puts the draft into the want. Raises 422 naming every field that does not fit."""
    _refuse([*_accepted_errors(draft, rules)])
    material = rules.material(draft.accepts[0].material)
    _refuse([*_want_errors(want, draft, material, now)])
    most, price = draft.maximum, draft.max_price
    want.title, want.description, want.rhythm, want.external_id = draft.title, draft.description, draft.rhythm, draft.external_id
    want.accepts = [entry.model_dump() for entry in draft.accepts]
    want.minimum_amount, want.minimum_unit, want.minimum_kg = draft.minimum.amount, draft.minimum.unit, kilograms(draft.minimum, material)
    want.maximum_amount, want.maximum_unit = (None, None) if most is None else (most.amount, most.unit)
    want.maximum_kg = None if most is None else kilograms(most, material)
    want.accept_partial, want.radius_km, want.min_grade = draft.accept_partial, draft.radius_km, draft.min_grade
    want.max_price_amount, want.max_price_per = (None, None) if price is None else (price.amount, price.per)
    want.needed_from, want.needed_until = draft.needed_from or now, draft.needed_until
    want.stand_at(site.id, land.place_of(site.latitude, site.longitude, site.place_code))


def _accepted_errors(draft: WantDraft, rules: Rules) -> Iterator[FieldError]:
    known = []
    for number, entry in enumerate(draft.accepts):
        if (material := rules.catalogue.get(entry.material)) is None:
            yield rules.unknown_material(f"accepts.{number}.material", entry.material)
        else:
            known.append(material)
    if len({material.family for material in known}) > MAX_FAMILIES:
        yield FieldError("accepts", f"names materials of more than {MAX_FAMILIES} families: split it into several wants")


def _want_errors(want: Want, draft: WantDraft, material: Material, now: datetime) -> Iterator[FieldError]:
    """Volumes, counts and prices of a want are converted with its first accepted material (api.md, Conventions)."""
    yield from _unit_errors(material, [("minimum", draft.minimum), ("maximum", draft.maximum)], [("max_price", draft.max_price)])
    yield from _window_errors("needed_until", draft.needed_from, draft.needed_until, now)
    if draft.maximum is None or not _has_units(material, draft.minimum, draft.maximum):
        return
    if kilograms(draft.minimum, material) > kilograms(draft.maximum, material):
        yield FieldError("minimum", "is more than the maximum: lower it, or raise the maximum")
    if kilograms(draft.maximum, material) < (want.agreed_kg or 0):
        yield FieldError("maximum", f"deals have already brought {want.agreed_kg.normalize():f} kg: state at least that")


def _window_errors(field: str, begin: datetime | None, end: datetime | None, now: datetime) -> Iterator[FieldError]:
    """A window without a beginning begins now."""
    if begin is None and end is not None and end < now:
        yield FieldError(field, "has passed already: put it into the future, state when the window began, or leave it out")


def _has_units(material: Material, *quantities: Quantity) -> bool:
    try:
        return all(kilograms_per(quantity.unit, material) for quantity in quantities)
    except UnitError:
        return False


def _unit_errors(
    material: Material, quantities: list[tuple[str, Quantity | None]], prices: list[tuple[str, Price | None]]
) -> Iterator[FieldError]:
    units = [(f"{field}.unit", quantity.unit) for field, quantity in quantities if quantity is not None]
    units += [(f"{field}.per", price.per) for field, price in prices if price is not None]
    for field, unit in units:
        try:
            kilograms_per(unit, material)
        except UnitError as error:
            yield FieldError(field, str(error))


def offer_warnings(offer: Offer, draft: OfferDraft, material: Material) -> tuple[public.Warning, ...]:
    """What looks wrong and does not stop the write (api.md, States)."""
    found = []
    if offer.minimum_lot_kg > offer.quantity_kg:
        found.append(public.Warning(field="minimum_lot", message="is more than the quantity, so that nobody can take any of it"))
    found += _price_warnings("price", draft.price, material)
    return tuple(found)


def _price_warnings(field: str, price: Price | None, material: Material) -> list[public.Warning]:
    """A price more than ten times what the material usually costs is mostly a slip of the unit."""
    if price is None or material.reference_price is None:
        return []
    usual = abs(material.reference_price.amount)
    if usual == 0 or abs(soles_per_tonne(price, material)) <= FAR_FROM_USUAL * usual:
        return []
    message = f"is more than ten times what {material.code} usually costs ({usual.normalize():f} PEN per tonne): is the unit right?"
    return [public.Warning(field=field, message=message)]


def want_warnings(draft: WantDraft, material: Material) -> tuple[public.Warning, ...]:
    """What looks wrong and does not stop the write."""
    return tuple(_price_warnings("max_price", draft.max_price, material))
