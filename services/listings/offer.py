"""The aggregate `Offer`: "I have this"."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, get_args

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from contracts import listings as public
from contracts.catalogue import Facts, Material
from contracts.countries import Country
from contracts.quantities import in_unit
from contracts.values import GRAM, PositiveQuantity, Price, Quantity
from kit.tables import Exact, Moment, one_of
from services.listings.listing import Listing, listing_constraints

FACTS = tuple(Facts.model_fields)


class Offer(Listing, table=True):
    """taken_kg: what deals have taken; quantity_kg less taken_kg is available."""

    __tablename__ = "offers"
    __table_args__ = (
        *listing_constraints("offers", get_args(public.OfferState)),
        Index("offers_to_lapse", "available_until", postgresql_where=text("state = 'published'")),
        Index("offers_to_spoil", "fresh_until", postgresql_where=text("state = 'published'")),
        CheckConstraint("quantity_amount > 0 and quantity_kg > 0", name="offers_quantity_positive"),
        CheckConstraint("taken_kg >= 0 and taken_kg <= quantity_kg", name="offers_never_oversold"),
        CheckConstraint("minimum_lot_amount > 0", name="offers_minimum_lot_positive"),
        CheckConstraint("available_until >= available_from", name="offers_window"),
        one_of("offers", "grade", ("A", "B", "C", "D")),
    )
    FULL: ClassVar[str] = "exhausted"
    TERMS: ClassVar[tuple[str, ...]] = (
        *Listing.TERMS,
        *("price_amount", "price_per", "quantity_amount", "quantity_unit", "minimum_lot_amount", "minimum_lot_unit"),
        *("divisible", "available_from", "available_until", "grade", "stated_facts"),
    )

    material: str
    quantity_amount: Decimal = Field(sa_type=Exact)
    quantity_unit: str
    quantity_kg: Decimal = Field(sa_type=Exact)
    taken_kg: Decimal = Field(default=Decimal(0), sa_type=Exact)
    divisible: bool = True
    minimum_lot_amount: Decimal | None = Field(default=None, sa_type=Exact)
    minimum_lot_unit: str | None = None
    minimum_lot_kg: Decimal = Field(default=Decimal(0), sa_type=Exact)
    price_amount: Decimal | None = Field(default=None, sa_type=Exact)
    price_per: str | None = None
    grade: str | None = None
    available_from: datetime = Field(sa_type=Moment)
    available_until: datetime | None = Field(default=None, sa_type=Moment)
    fresh_until: datetime | None = Field(default=None, sa_type=Moment)
    lapsed_to_waste: bool = False
    stated_facts: dict[str, bool] = Field(default_factory=dict, sa_type=JSONB)
    regime: str = ""
    regime_rule: str = ""
    regime_source: str = ""

    @property
    def ends_at(self) -> datetime | None:
        return self.available_until

    @property
    def available_kg(self) -> Decimal:
        return self.quantity_kg - self.taken_kg

    @property
    def is_full(self) -> bool:
        """Less than a gram is nothing (design.md, invariant 5: to the gram)."""
        return self.taken_kg > 0 and self.available_kg < GRAM

    def facts(self, material: Material) -> Facts:
        """What the holder stated; for the rest, what most holders of the material would."""
        return Facts.model_validate(material.usual_facts.model_dump() | self.stated_facts)

    def judge(self, material: Material, country: Country, now: datetime) -> None:
        """Derives freshness and regime from the facts (matching.md, section 4). What became waste on the market stays waste."""
        shelf_life = material.shelf_life_hours if self.rhythm == "one_off" else None
        ends = None if shelf_life is None else self.available_from + timedelta(hours=float(shelf_life))
        self.lapsed_to_waste = self.lapsed_to_waste or (self.is_published and ends is not None and ends <= now)
        self.fresh_until = None if self.lapsed_to_waste else ends
        is_fresh = material.shelf_life_hours is None or self.rhythm == "recurring" or not self.lapsed_to_waste
        regime = country.regime_of(
            self.facts(material),
            special_regime=material.special_regime,
            hazardous=material.hazardous,
            is_fresh=is_fresh,
            on=country.today(now),
        )
        self.regime, self.regime_rule, self.regime_source = regime.slug, regime.rule, regime.source

    def has_spoilt(self, now: datetime) -> bool:
        """Whether its freshness has passed, though it may not be called waste yet."""
        return self.fresh_until is not None and self.fresh_until <= now

    def become_waste(self, material: Material, country: Country, now: datetime) -> bool:
        """Its freshness has passed (DL 1278 art. 9); harmless for what is not fresh or not on the market (False)."""
        if not (self.is_published and self.has_spoilt(now)):
            return False
        self.lapsed_to_waste = True
        self.judge(material, country, now)
        self.grow(now)
        self.terms_version = self.version
        return True

    def shown(self, material: Material) -> dict[str, Any]:
        """The fields that others see (contracts.listings.OfferFields)."""
        lot, price = (self.minimum_lot_amount, self.minimum_lot_unit), (self.price_amount, self.price_per)
        same = ("id organisation_id place title description rhythm version published_at created_at updated_at material divisible"
                " grade available_from available_until fresh_until lapsed_to_waste state")  # fmt: skip
        return {name: getattr(self, name) for name in same.split()} | {
            "quantity": PositiveQuantity(amount=self.quantity_amount, unit=self.quantity_unit),
            "available": Quantity(amount=in_unit(self.available_kg, self.quantity_unit, material), unit=self.quantity_unit),
            "minimum_lot": None if lot[0] is None else PositiveQuantity(amount=lot[0], unit=lot[1]),
            "price": None if price[0] is None else Price(amount=price[0], per=price[1]),
            "facts": self.facts(material),
            "facts_presumed": tuple(name for name in FACTS if name not in self.stated_facts),
            "regime": public.Regime(slug=self.regime, rule=self.regime_rule, source=self.regime_source),
        }
