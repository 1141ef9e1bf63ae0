"""The sample market's files: firms that do not exist, at places that do."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from stdnum.pe import ruc

from contracts.catalogue import Catalogue, load_catalogue
from contracts.countries import country
from contracts.countries.place import distance_km
from infra.sample.market import SampleOrganisation, read_market
from infra.sample.standing import Standing, standing

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
