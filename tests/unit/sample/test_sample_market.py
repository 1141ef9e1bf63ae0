"""The sample market's files: firms that do not exist, at places that do."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from stdnum.pe import ruc

from contracts.catalogue import Catalogue, Facts, load_catalogue
from contracts.countries import country
from contracts.countries.place import distance_km
from contracts.listings import OfferFact, WantFact
from contracts.quantities import soles_per_tonne
from infra.sample.market import SampleOrganisation, read_market
from infra.sample.standing import Standing, fits, standing
from services.matching.bucket import Rulebook
from tests.reference.scorer import Verdict, judge

NOW = datetime(2027, 3, 1, 15, tzinfo=UTC)
IN_TOWN_KM = 10  # the sites stand in towns and their outskirts
TOWNS = {  # where the country's data have no capital, because another district has the name, too; or industry is far from it
    "130102": (-8.080, -79.001),  # El Porvenir, Trujillo
    "130105": (-8.079, -79.045),  # La Esperanza, Trujillo
    "120107": (-12.081, -75.201),  # Chilca, Huancayo
    "150110": (-11.946, -77.057),  # Comas
    "150112": (-11.993, -77.055),  # Independencia, Lima
    "150118": (-12.003, -76.912),  # Lurigancho: Huachipa and Cajamarquilla, 20 km below Chosica
    "150115": (-12.066, -77.017),  # La Victoria, Lima
    "150505": (-12.519, -76.737),  # Chilca, Cañete
}

PERISHABLE_FAMILIES = {"agrofood", "fish", "leather", "organic"}
GATES = {
    *("same_organisation", "material", "quantity", "lot", "distance", "price", "grade", "time", "freshness", "regime:not_a_user"),
    *("licence:eo_rs", "licence:eo_rs_hazardous", "licence:priority_goods_system", "licence:hydrobiological_plant"),
}
TOLD = 0.5  # matching.md, section 5
FREIGHT_ROOM = 200  # soles a tonne: a bid is delivered, some 600 km away


@pytest.fixture(scope="module")
def organisations() -> list[SampleOrganisation]:
    return read_market()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def market(organisations: list[SampleOrganisation], catalogue: Catalogue) -> Standing:
    """Raises where the import would refuse a line."""
    return standing(organisations, catalogue, NOW)


def test_tax_ids_are_valid_and_of_nobody(organisations: list[SampleOrganisation]) -> None:
    tax_ids = [one.tax_id for one in organisations]
    assert len(set(tax_ids)) == len(tax_ids)
    for tax_id in tax_ids:
        assert ruc.is_valid(tax_id)
        assert tax_id.startswith("2099")


def test_no_name_and_no_address_could_be_taken_for_a_true_one(organisations: list[SampleOrganisation]) -> None:
    names, addresses = ([one.cells[cell] for one in organisations] for cell in ("name", "email"))
    assert all(name.endswith(" (muestra)") for name in names)
    assert len(set(names)) == len(names)
    assert len(set(addresses)) == len(addresses)
    assert all(re.fullmatch(r"[a-z.]+@[a-z0-9-]+\.example", address) for address in addresses)  # RFC 2606
    assert all(paper["number"].endswith("-MUESTRA") for one in organisations for paper in one.licences)


def test_activities_are_classes_of_the_country(organisations: list[SampleOrganisation]) -> None:
    assert all(country().is_activity(one.cells["activity"]) for one in organisations)


def test_sites_stand_in_the_district_that_they_name(organisations: list[SampleOrganisation]) -> None:
    districts = country().atlas.districts
    for organisation in organisations:
        for site in organisation.sites:
            at, code = (float(site["latitude"]), float(site["longitude"])), site["place_code"]
            town = TOWNS.get(code) or districts[code].capital
            assert town is not None, code
            assert distance_km(*at, *town) < IN_TOWN_KM, f"{organisation.cells['name']}: {site['name']}"
            assert country().place_warnings(*at, code) == []


def test_every_line_is_one_that_the_import_takes(market: Standing, organisations: list[SampleOrganisation]) -> None:
    published = [line for one in organisations for side in one.listings.values() for line in side if line.cells["publish"] == "si"]
    assert len(market.offers) + len(market.wants) == len(published)


def test_it_is_as_large_as_a_town_of_firms(market: Standing, organisations: list[SampleOrganisation]) -> None:
    assert 60 <= len(organisations) <= 70
    assert 300 <= len(market.offers) <= 330
    assert 250 <= len(market.wants) <= 270
    stated = {*(one.organisation_id for one in market.offers), *(one.organisation_id for one in market.wants)}
    assert stated == market.organisations.keys(), "an organisation without a listing"


def test_nobody_repeats_himself(market: Standing) -> None:
    for listings in (market.offers, market.wants):
        assert max(Counter(one.title for one in listings).values()) == 1
        assert max(Counter(one.description for one in listings).values()) == 1


def test_every_family_is_offered_and_wanted_once_and_again(market: Standing, catalogue: Catalogue) -> None:
    offered, wanted = defaultdict(set), defaultdict(set)
    for offer in market.offers:
        offered[catalogue.materials[offer.material].family].add(offer.rhythm)
    for want in market.wants:
        for entry in want.accepts:
            wanted[catalogue.materials[entry.material].family].add(want.rhythm)
    everything = {family.code: {"one_off", "recurring"} for family in catalogue.families}
    assert offered == everything
    assert wanted == everything


def test_what_spoils_is_offered_fresh_and_as_a_stream(market: Standing, catalogue: Catalogue) -> None:
    perishable = [one for one in market.offers if catalogue.materials[one.material].shelf_life_hours is not None]
    for family in PERISHABLE_FAMILIES:
        cases = [one for one in perishable if catalogue.materials[one.material].family == family]
        assert {one.fresh_until is not None for one in cases} == {True, False}, family


def test_every_regime_and_every_kind_of_organisation_is_there(market: Standing) -> None:
    assert {offer.regime.slug for offer in market.offers} == set(country().regimes)
    kinds = {one.cells["kind"] for one in market.organisations.values()}
    assert kinds == {"firm", "cooperative", "recycler", "fish_plant", "facilitator", "authority"}
    assert any(offer.facts_presumed for offer in market.offers)
    assert {name for offer in market.offers for name, is_true in offer.facts if is_true} == set(Facts.model_fields)


Judged = tuple[OfferFact, WantFact, Verdict]


def _judged(market: Standing, catalogue: Catalogue) -> Iterator[Judged]:
    rulebook = Rulebook(catalogue, country())
    rows = [(bucket, want, rulebook.want_row(want, bucket)) for want in market.wants for bucket in rulebook.buckets_of(want)]
    for offer in market.offers:
        row, bucket = rulebook.offer_row(offer), catalogue.materials[offer.material].family
        yield from ((offer, want, judge(row, asked)) for where, want, asked in rows if where == bucket)


@pytest.fixture(scope="module")
def judged(market: Standing, catalogue: Catalogue) -> list[Judged]:
    """Every pair of a bucket, by the plain reference."""
    return list(_judged(market, catalogue))


def test_each_gate_is_closed_by_a_pair_that_nothing_else_closes(judged: list[Judged], catalogue: Catalogue) -> None:
    rulebook, closed = Rulebook(catalogue, country()), Counter[str]()
    for offer, want, verdict in judged:
        if len(verdict.closed) == 1:
            closed[rulebook.receipt(offer, want).slug or verdict.closed[0] if verdict.closed == ("law",) else verdict.closed[0]] += 1
    assert closed.keys() == GATES


def test_there_are_matches_through_kin_and_pairs_that_are_too_distant_kin(judged: list[Judged]) -> None:
    factors = [(verdict.factors["material"], verdict.closed) for _, _, verdict in judged]
    assert sum(0.2 <= factor < 1 and not closed for factor, closed in factors) >= 50
    assert any(0 < factor < 0.2 and closed == ("material",) for factor, closed in factors)


def test_the_market_is_alive(market: Standing, catalogue: Catalogue) -> None:
    told = [fit for fit in fits(market, catalogue) if fit.score >= TOLD]
    assert len(told) >= 400
    assert len({catalogue.materials[fit.offer.material].family for fit in told}) == len(catalogue.families)
    assert len({fit.offer.id for fit in told}) >= len(market.offers) * 0.7
    assert len({fit.want.id for fit in told}) >= len(market.wants) * 0.7


def test_the_engine_and_the_plain_reference_find_the_same_matches(market: Standing, judged: list[Judged], catalogue: Catalogue) -> None:
    found = {(fit.offer.id, fit.want.id): fit.score for fit in fits(market, catalogue)}
    by_hand = {(offer.id, want.id): verdict.score for offer, want, verdict in judged if not verdict.closed}
    assert found == pytest.approx(by_hand, abs=1e-9)


def test_prices_are_of_the_size_that_the_trade_pays(market: Standing, catalogue: Catalogue) -> None:
    for offer in market.offers:
        material = catalogue.materials[offer.material]
        if offer.price is not None and material.reference_price is not None:
            usual = material.reference_price.amount
            assert abs(soles_per_tonne(offer.price, material) - usual) <= abs(usual) * Decimal("0.6") + 60, offer.title
    for want in market.wants:
        accepted = [catalogue.materials[entry.material] for entry in want.accepts]
        usual_ones = [one.reference_price.amount for one in accepted if one.reference_price is not None]
        if want.max_price is not None and usual_ones:
            least, most = min(usual_ones), max(usual_ones)
            bid = soles_per_tonne(want.max_price, accepted[0])
            assert least - abs(least) * Decimal("0.6") - 60 <= bid <= most + abs(most) * Decimal("0.6") + FREIGHT_ROOM, want.title
