"""Regimes: what the law makes of an offer, and who may receive it. Rules are data with dates; the first that holds decides."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

STRENGTHS = ("declared", "document", "checked")  # of evidence, the weakest first
LANGUAGES = ("es", "en")

Text = Annotated[str, Field(min_length=1)]
FactName = Literal[
    "own_process_by_product", "directly_usable", "post_consumer", "same_process", "ancillary_activity", "mixed_with_hazardous"
]


class Facts(Protocol):
    """What the holder states of an offer (api.md, Offer.facts)."""

    @property
    def own_process_by_product(self) -> bool: ...
    @property
    def directly_usable(self) -> bool: ...
    @property
    def post_consumer(self) -> bool: ...
    @property
    def same_process(self) -> bool: ...
    @property
    def ancillary_activity(self) -> bool: ...
    @property
    def mixed_with_hazardous(self) -> bool: ...


class HeldLicence(Protocol):
    """A licence that is valid on the day in question."""

    @property
    def kind(self) -> str: ...
    @property
    def evidence(self) -> str: ...


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Texts(Frozen):
    """One sentence in every language of the product."""

    es: Text
    en: Text


class Regime(Frozen):
    """The regime of an offer, the rule that decided in the country's own language and in each, and its legal source."""

    slug: str
    rule: str
    source: str
    texts: dict[str, str]


class Receipt(Frozen):
    """Whether an organisation may receive: slug None, and the strongest evidence that opens the gate (None where no paper is asked)."""

    slug: str | None
    evidence: str | None


class Receivers(Frozen):
    """Who may receive: organisations of any of these kinds, and those with any of these licences."""

    licences: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @model_validator(mode="after")
    def somebody_may_receive(self) -> Self:
        if not self.licences and not self.kinds:
            raise ValueError("names neither licences nor kinds: nobody could receive")
        return self


class Rule(Frozen):
    """One row of the table. A condition that is left out always holds; `until` is the last day in force."""

    regime: Text
    since: Annotated[date, Field(alias="from")]
    until: date | None = None
    text: Texts
    source: Text
    facts: dict[FactName, bool] = {}
    special_regime: str | None = None
    hazardous: bool | None = None
    fresh: bool | None = None
    receivers: Receivers
    closed: Annotated[str, Field(pattern=r"^(licence|regime):[a-z0-9_]+$")]

    @model_validator(mode="after")
    def ends_after_it_begins(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise ValueError(f"{self.regime}: ends on {self.until}, before it begins on {self.since}")
        return self

    @property
    def always_holds(self) -> bool:
        conditions = (self.until, self.special_regime, self.hazardous, self.fresh)
        return not self.facts and all(condition is None for condition in conditions)

    def holds(self, facts: Facts, special_regime: str | None, hazardous: bool, is_fresh: bool, on: date) -> bool:
        is_in_force = self.since <= on and (self.until is None or on <= self.until)
        fits = self.special_regime in (None, special_regime) and self.hazardous in (None, hazardous) and self.fresh in (None, is_fresh)
        return is_in_force and fits and all(getattr(facts, name) == value for name, value in self.facts.items())


class Law(Frozen):
    """A country's rules in their order. missing: for each closed gate, the sentence that names what is missing."""

    language: Literal["es", "en"]
    rule: Annotated[tuple[Rule, ...], Field(min_length=1)]
    missing: dict[str, dict[str, str]]

    @model_validator(mode="after")
    def decides_every_offer(self) -> Self:
        if not self.rule[-1].always_holds:
            raise ValueError("the last rule must hold for every offer, or some would have no regime")
        return self

    @model_validator(mode="after")
    def names_every_missing_paper(self) -> Self:
        for slug in dict.fromkeys(rule.closed for rule in self.rule):
            if not all(self.missing.get(slug, {}).get(language) for language in LANGUAGES):
                raise ValueError(f"[missing] has no sentence for {slug} in each of {', '.join(LANGUAGES)}")
        return self

    @model_validator(mode="after")
    def asks_one_paper_a_regime(self) -> Self:
        """An offer carries its regime and not its rule, so a regime's rows must agree on who may receive."""
        for rule in self.rule:
            first = self.gate_of(rule.regime)
            if (rule.receivers, rule.closed) != (first.receivers, first.closed):
                raise ValueError(f"the rules of {rule.regime} differ in receivers or closed")
        return self

    @property
    def regimes(self) -> tuple[str, ...]:
        """Every regime once, in the order of the rules."""
        return tuple(dict.fromkeys(rule.regime for rule in self.rule))

    def regime_of(self, facts: Facts, special_regime: str | None, hazardous: bool, is_fresh: bool, on: date) -> Regime:
        """The first rule that holds. Raises LookupError where none is in force."""
        for rule in self.rule:
            if rule.holds(facts, special_regime, hazardous, is_fresh, on):
                texts = rule.text.model_dump()
                return Regime(slug=rule.regime, rule=texts[self.language], source=rule.source, texts=texts)
        raise LookupError(f"no rule of the law is in force on {on}")

    def gate_of(self, regime: str) -> Rule:
        """A rule that says who may receive offers of a regime. Raises LookupError for a regime that is none."""
        for rule in self.rule:
            if rule.regime == regime:
                return rule
        raise LookupError(f"the law has no regime {regime!r}")

    def receipt(self, regime: str, kind: str, licences: Iterable[HeldLicence]) -> Receipt:
        """Whether an organisation of this kind, with these valid licences, may receive offers of this regime."""
        gate = self.gate_of(regime)
        if kind in gate.receivers.kinds:
            return Receipt(slug=None, evidence=None)
        opening = [licence.evidence for licence in licences if licence.kind in gate.receivers.licences]
        if not opening:
            return Receipt(slug=gate.closed, evidence=None)
        return Receipt(slug=None, evidence=max(opening, key=STRENGTHS.index))
