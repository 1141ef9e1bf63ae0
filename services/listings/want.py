"""The aggregate `Want`: "I need this"."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, get_args

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from contracts import listings as public
from contracts.values import GRAM, PositiveQuantity, Price, Quantity
from kit.tables import Exact, Moment, one_of
from services.listings.listing import Listing, listing_constraints


class Want(Listing, table=True):
    """agreed_kg: what deals have brought; maximum_kg less agreed_kg is still wanted (without end if no maximum is stated)."""

    __tablename__ = "wants"
    __table_args__ = (
        *listing_constraints("wants", get_args(public.WantState)),
        Index("wants_to_lapse", "needed_until", postgresql_where=text("state = 'published'")),
        CheckConstraint("minimum_amount > 0 and minimum_kg > 0", name="wants_minimum_positive"),
        CheckConstraint("minimum_kg <= maximum_kg", name="wants_minimum_within_maximum"),
        CheckConstraint("agreed_kg >= 0 and agreed_kg <= maximum_kg", name="wants_never_overfilled"),
        CheckConstraint("radius_km > 0", name="wants_radius_positive"),
        CheckConstraint("needed_until >= needed_from", name="wants_window"),
        one_of("wants", "min_grade", ("A", "B", "C", "D")),
    )
    FULL: ClassVar[str] = "satisfied"
    TERMS: ClassVar[tuple[str, ...]] = (
        *Listing.TERMS,
        *("max_price_amount", "max_price_per", "minimum_amount", "minimum_unit", "maximum_amount", "maximum_unit"),
        *("accepts", "needed_from", "needed_until", "min_grade"),
    )

    accepts: list[dict[str, Any]] = Field(sa_type=JSONB)
    minimum_amount: Decimal = Field(sa_type=Exact)
    minimum_unit: str
    minimum_kg: Decimal = Field(sa_type=Exact)
    maximum_amount: Decimal | None = Field(default=None, sa_type=Exact)
    maximum_unit: str | None = None
    maximum_kg: Decimal | None = Field(default=None, sa_type=Exact)
    agreed_kg: Decimal = Field(default=Decimal(0), sa_type=Exact)
    accept_partial: bool = False
    radius_km: float
    max_price_amount: Decimal | None = Field(default=None, sa_type=Exact)
    max_price_per: str | None = None
    min_grade: str | None = None
    needed_from: datetime = Field(sa_type=Moment)
    needed_until: datetime | None = Field(default=None, sa_type=Moment)

    @property
    def ends_at(self) -> datetime | None:
        return self.needed_until

    @property
    def codes(self) -> tuple[str, ...]:
        """The accepted materials, the first of which converts volumes, counts and prices."""
        return tuple(entry["material"] for entry in self.accepts)

    @property
    def still_wanted_kg(self) -> Decimal | None:
        """matching.md's hi; None is without end."""
        return None if self.maximum_kg is None else self.maximum_kg - self.agreed_kg

    @property
    def is_full(self) -> bool:
        return self.agreed_kg > 0 and self.still_wanted_kg is not None and self.still_wanted_kg < GRAM

    def shown(self) -> dict[str, Any]:
        """The fields that others see (contracts.listings.WantFields)."""
        most, price = (self.maximum_amount, self.maximum_unit), (self.max_price_amount, self.max_price_per)
        same = ("id organisation_id place title description rhythm version published_at created_at updated_at accept_partial"
                " radius_km min_grade needed_from needed_until state")  # fmt: skip
        return {name: getattr(self, name) for name in same.split()} | {
            "accepts": tuple(public.Accepted.model_validate(entry) for entry in self.accepts),
            "minimum": PositiveQuantity(amount=self.minimum_amount, unit=self.minimum_unit),
            "maximum": None if most[0] is None else PositiveQuantity(amount=most[0], unit=most[1]),
            "agreed": Quantity(amount=self.agreed_kg, unit="kg"),
            "max_price": None if price[0] is None else Price(amount=price[0], per=price[1]),
        }
