"""Peru's law (matching.md, section 4): every row, their order, who may receive, on which evidence, and on which days."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product

import pytest

from contracts.countries import HeldLicence, Receipt, Regime, country

PERU = country("PE")
TODAY = date(2026, 11, 24)
LICENCES = ("eo_rs", "eo_rs_hazardous", "recycler_register", "hydrobiological_plant", "priority_goods_system", "own_plant_valorisation")
KINDS = ("firm", "cooperative", "recycler", "fish_plant", "facilitator", "authority")


@dataclass(frozen=True)
class Stated:
    """A by-product, unless something else is stated."""

    own_process_by_product: bool = True
    directly_usable: bool = True
    post_consumer: bool = False
    same_process: bool = False
    ancillary_activity: bool = False
    mixed_with_hazardous: bool = False


@dataclass(frozen=True)
class Held:
    kind: str
    evidence: str = "declared"


BY_PRODUCT, WASTE, MIXED = Stated(), Stated(own_process_by_product=False), Stated(mixed_with_hazardous=True)


def regime_of(
    facts: Stated, *, special_regime: str | None = None, hazardous: bool = False, is_fresh: bool = True, on: date = TODAY
) -> Regime:
    return PERU.regime_of(facts, special_regime=special_regime, hazardous=hazardous, is_fresh=is_fresh, on=on)


@pytest.mark.parametrize(
    ("regime", "source"),
    [
        (regime_of(MIXED), "residuo_peligroso: DS 014-2017-MINAM art. 71"),
        (regime_of(MIXED, special_regime="bien_priorizado"), "residuo_peligroso: DS 014-2017-MINAM art. 71"),
        (regime_of(MIXED, special_regime="hidrobiologico"), "residuo_peligroso: DS 014-2017-MINAM art. 71"),
        (regime_of(BY_PRODUCT, special_regime="bien_priorizado", hazardous=True), "bien_priorizado: DS 014-2017-MINAM arts. 84-86"),
        (regime_of(BY_PRODUCT, special_regime="bien_priorizado", is_fresh=False), "bien_priorizado: DS 014-2017-MINAM arts. 84-86"),
        (regime_of(BY_PRODUCT, special_regime="hidrobiologico"), "hidrobiologico: DS 005-2011-PRODUCE"),
        (regime_of(WASTE, special_regime="hidrobiologico", hazardous=True), "hidrobiologico: DS 005-2011-PRODUCE"),
        (regime_of(BY_PRODUCT), "descarte: DL 1278 art. 9"),
        (regime_of(BY_PRODUCT, hazardous=True), "descarte: DL 1278 art. 9"),
        (regime_of(WASTE, hazardous=True), "residuo_peligroso: DS 014-2017-MINAM Anexo III"),
        (regime_of(BY_PRODUCT, hazardous=True, is_fresh=False), "residuo_peligroso: DS 014-2017-MINAM Anexo III"),
        (regime_of(BY_PRODUCT, is_fresh=False), "residuo_no_peligroso: DS 014-2017-MINAM art. 75"),
        (regime_of(BY_PRODUCT, special_regime="hidrobiologico", is_fresh=False), "residuo_no_peligroso: DS 014-2017-MINAM art. 75"),
        (regime_of(WASTE), "residuo_no_peligroso: DS 014-2017-MINAM art. 75"),
    ],
)
def test_the_first_row_that_holds_decides_with_its_source(regime: Regime, source: str) -> None:
    assert f"{regime.slug}: {regime.source}".startswith(source)
    assert regime.rule == regime.texts["es"] != regime.texts["en"] != ""


@pytest.mark.parametrize("fact", ["own_process_by_product", "directly_usable", "post_consumer", "same_process", "ancillary_activity"])
def test_one_wrong_fact_makes_a_by_product_waste(fact: str) -> None:
    facts = replace(BY_PRODUCT, **{fact: not getattr(BY_PRODUCT, fact)})

    assert regime_of(facts).slug == "residuo_no_peligroso"
    assert regime_of(facts, hazardous=True).slug == "residuo_peligroso"


def test_every_combination_of_facts_agrees_with_the_table_written_out() -> None:
    specials: tuple[str | None, ...] = (None, "bien_priorizado", "hidrobiologico")
    for *stated, special, hazardous, is_fresh in product(*[(False, True)] * 6, specials, (False, True), (False, True)):
        facts = Stated(*stated)
        own, usable, consumer, same, ancillary, mixed = stated
        expected = (
            "residuo_peligroso" if mixed
            else "bien_priorizado" if special == "bien_priorizado"
            else "hidrobiologico" if special == "hidrobiologico" and is_fresh
            else "descarte" if own and usable and not consumer and not same and not ancillary and is_fresh
            else "residuo_peligroso" if hazardous
            else "residuo_no_peligroso"
        )  # fmt: skip
        assert regime_of(facts, special_regime=special, hazardous=hazardous, is_fresh=is_fresh).slug == expected


def test_regimes_keep_their_order_because_their_index_is_a_bit_number() -> None:
    assert PERU.regimes == ("residuo_peligroso", "bien_priorizado", "hidrobiologico", "descarte", "residuo_no_peligroso")


def test_no_rule_holds_before_the_day_that_it_is_in_force() -> None:
    assert regime_of(BY_PRODUCT, on=date(2017, 12, 22)).slug == "descarte"
    with pytest.raises(LookupError, match="2017-12-21"):
        regime_of(BY_PRODUCT, on=date(2017, 12, 21))


OPENED_BY = {
    "residuo_peligroso": {"eo_rs_hazardous"},
    "bien_priorizado": {"priority_goods_system"},
    "hidrobiologico": {"hydrobiological_plant"},
    "descarte": set[str](),
    "residuo_no_peligroso": {"eo_rs", "eo_rs_hazardous", "recycler_register", "own_plant_valorisation"},
}
CLOSED = {
    "residuo_peligroso": "licence:eo_rs_hazardous",
    "bien_priorizado": "licence:priority_goods_system",
    "hidrobiologico": "licence:hydrobiological_plant",
    "descarte": "regime:not_a_user",
    "residuo_no_peligroso": "licence:eo_rs",
}


@pytest.mark.parametrize(("regime", "kind", "licence"), list(product(OPENED_BY, KINDS, LICENCES)))
def test_a_regime_is_received_with_its_licences_and_kinds_and_with_no_other(regime: str, kind: str, licence: str) -> None:
    is_user = regime == "descarte" and kind in {"firm", "cooperative", "recycler", "fish_plant"}
    opened = Receipt(slug=None, evidence=None if is_user else "declared")

    receipt = PERU.receipt(regime, kind, [Held(licence)])

    assert receipt == (opened if is_user or licence in OPENED_BY[regime] else Receipt(slug=CLOSED[regime], evidence=None))


@pytest.mark.parametrize(
    ("licences", "evidence"),
    [
        ([Held("eo_rs", "declared"), Held("eo_rs_hazardous", "document")], "document"),
        ([Held("recycler_register", "checked"), Held("eo_rs", "document")], "checked"),
        ([Held("eo_rs", "declared"), Held("hydrobiological_plant", "checked")], "declared"),  # a paper that does not open it is no evidence
    ],
)
def test_a_receipt_rests_on_the_strongest_evidence_that_opens_the_gate(licences: list[HeldLicence], evidence: str) -> None:
    assert PERU.receipt("residuo_no_peligroso", "firm", licences) == Receipt(slug=None, evidence=evidence)


def test_a_regime_that_is_none_is_refused_rather_than_received() -> None:
    with pytest.raises(LookupError, match="'sobras'"):
        PERU.receipt("sobras", "firm", [])


@pytest.mark.parametrize("slug", list(CLOSED.values()))
def test_every_closed_gate_names_the_missing_paper_and_its_law_in_both_languages(slug: str) -> None:
    sentence = PERU.missing_paper(slug)

    assert sentence.keys() == {"es", "en"}
    assert all("DS 0" in text and text.endswith(".") for text in sentence.values())


def test_the_disclaimer_says_that_this_is_no_legal_advice() -> None:
    assert "no es asesoría legal" in PERU.disclaimer["es"]
    assert "not legal advice" in PERU.disclaimer["en"]


@pytest.mark.parametrize(("valid_until", "is_valid"), [(None, True), (date(2026, 11, 24), True), (date(2026, 11, 23), False)])
def test_a_licence_is_valid_through_its_last_day(valid_until: date | None, is_valid: bool) -> None:
    assert PERU.is_valid_on(valid_until, TODAY) == is_valid


@pytest.mark.parametrize(
    ("now", "today"),
    [
        (datetime(2026, 11, 25, 0, 0, tzinfo=UTC), date(2026, 11, 24)),  # 19:00 in Lima
        (datetime(2026, 11, 25, 4, 59, 59, tzinfo=UTC), date(2026, 11, 24)),  # 23:59:59
        (datetime(2026, 11, 25, 5, 0, tzinfo=UTC), date(2026, 11, 25)),  # midnight
        (datetime(2026, 7, 1, 4, 59, tzinfo=UTC), date(2026, 6, 30)),  # no summer time
        (datetime(2026, 11, 25, 9, 0, tzinfo=timezone(timedelta(hours=9))), date(2026, 11, 24)),  # any zone
    ],
)
def test_the_date_is_that_of_lima(now: datetime, today: date) -> None:
    assert PERU.today(now) == today


def test_a_time_without_a_zone_has_no_date() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        PERU.today(datetime(2026, 11, 25))  # noqa: DTZ001 -- what is refused here
