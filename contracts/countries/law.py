"""Regimes: what the law makes of an offer, and who may receive it. Rules are data with dates; the first that holds decides."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

STRENGTHS = ("declared", "document", "checked")


class Facts(Protocol):
    """What the holder states of an offer (contracts.catalogue.Facts)."""

    @property
    def own_process_by_product(self) -> bool: ...


class HeldLicence(Protocol):
    """A licence that is valid on the day in question."""

    @property
    def kind(self) -> str: ...
    @property
    def evidence(self) -> str: ...


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Regime(Frozen):
    """The regime of an offer, the rule that decided, and its legal source."""

    slug: str
    rule: str
    source: str


class Receipt(Frozen):
    """Whether an organisation may receive: slug None, and the strongest evidence that opens the gate (None where no paper is asked)."""

    slug: str | None
    evidence: str | None


class Receivers(Frozen):
    licences: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class Rule(Frozen):
    """One row of the table. A condition that is left out always holds."""

    regime: str
    since: Annotated[date, Field(alias="from")]
    until: date | None = None
    rule: str
    source: str
    facts: dict[str, bool] = {}
    special_regime: str | None = None
    hazardous: bool | None = None
    fresh: bool | None = None
    receivers: Receivers
    closed: str

    def holds(self, facts: Any, special_regime: str | None, hazardous: bool, is_fresh: bool, on: date) -> bool:
        is_in_force = self.since <= on and (self.until is None or on <= self.until)
        fits = self.special_regime in (None, special_regime) and self.hazardous in (None, hazardous) and self.fresh in (None, is_fresh)
        return is_in_force and fits and all(getattr(facts, name) == value for name, value in self.facts.items())


class Law(Frozen):
    """A country's rules in their order. missing: for each closed gate, the sentence that names what is missing."""

    rule: tuple[Rule, ...]
    missing: dict[str, dict[str, str]]

    @property
    def regimes(self) -> tuple[str, ...]:
        """Every regime once, in the order of the rules."""
        return tuple(dict.fromkeys(rule.regime for rule in self.rule))

    def regime_of(self, facts: Any, special_regime: str | None, hazardous: bool, is_fresh: bool, on: date) -> Regime:
        """The first rule that holds. Raises LookupError where none is in force."""
        for rule in self.rule:
            if rule.holds(facts, special_regime, hazardous, is_fresh, on):
                return Regime(slug=rule.regime, rule=rule.rule, source=rule.source)
        raise LookupError(f"no rule of the law is in force on {on}")

    def receipt(self, regime: str, kind: str, licences: Iterable[HeldLicence]) -> Receipt:
        """Whether an organisation of this kind, with these valid licences, may receive offers of this regime."""
        rule = next(rule for rule in self.rule if rule.regime == regime)
        if kind in rule.receivers.kinds:
            return Receipt(slug=None, evidence=None)
        opening = [licence.evidence for licence in licences if licence.kind in rule.receivers.licences]
        if not opening:
            return Receipt(slug=rule.closed, evidence=None)
        return Receipt(slug=None, evidence=max(opening, key=STRENGTHS.index))
