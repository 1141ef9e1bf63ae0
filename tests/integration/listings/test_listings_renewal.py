"""A new catalogue: what it changes is told again, once; what it lacks stops the start; a kill in the middle leaves nothing half done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from contracts.catalogue import Catalogue, CatalogueError, Kin, Material
from kit.database import Sessions
from services.listings.app import renew
from services.listings.rules import Rules
from services.listings.service.renewal import renew_listings
from tests.integration.listings.traders import COTTON, FakeClock, Json, Trader, at, kilo, soles, told, types_told, written

BREWERS = "agrofood.brewers_grain"  # keeps for 48 hours
PALLETS = "packaging.wooden_pallets"
UNTOUCHED = "paper.occ"


def revised(catalogue: Catalogue, code: str, **changes: Any) -> Catalogue:
    """The next version of the catalogue, in which one material is another."""
    material = catalogue.materials[code].model_copy(update=changes)
    return replace(catalogue, version=catalogue.version + 1, materials={**catalogue.materials, code: material})


def usual(material: Material, **facts: bool) -> Any:
    return material.usual_facts.model_copy(update=facts)


@pytest.fixture
async def standing(sessions: Sessions, catalogue: Catalogue, clock: FakeClock) -> None:
    """The exchange has run with the shipped catalogue."""
    await renew(sessions, Rules(catalogue), clock)


@pytest.fixture
def renewed(sessions: Sessions, clock: FakeClock) -> Any:
    """Starts the part with a catalogue; how many listings that changed."""

    async def start(catalogue: Catalogue) -> int:
        async with sessions.begin() as session:
            return await renew_listings(session, Rules(catalogue), clock())

    return start


async def column(sessions: Sessions, listing: Json, name: str) -> Any:
    table = "offers" if "material" in listing else "wants"
    async with sessions() as session:
        return (await session.execute(text(f"select {name} from {table} where id = '{listing['id']}'"))).scalar_one()  # noqa: S608 - ours


async def routes(sessions: Sessions, listing: Json) -> list[list[Any]]:
    """Where the newest event of a listing went."""
    async with sessions() as session:
        statement = text("select routes from outbox where key = :key order by id desc limit 1")
        found: list[list[Any]] = (await session.execute(statement, {"key": listing["id"]})).scalar_one()
        return found


@pytest.mark.usefixtures("standing")
async def test_another_density_is_told_of_what_is_counted_by_volume_and_of_nothing_else(
    sessions: Sessions, catalogue: Catalogue, holder: Trader, seeker: Trader, renewed: Any
) -> None:
    volume, weight = await holder.offer(quantity=kilo(10, "m3"), minimum_lot=kilo(2, "m3")), await holder.offer()
    other = await holder.offer(material=UNTOUCHED, quantity=kilo(10, "m3"))
    wanted, draft = (
        await seeker.want(minimum=kilo(1, "m3"), maximum=kilo(9, "m3")),
        await holder.offer(quantity=kilo(1, "m3"), publish=False),
    )

    assert await renewed(revised(catalogue, COTTON, density_kg_m3=Decimal(100))) == 3

    assert await types_told(sessions, volume, weight, other, draft) == ["offer.published"] * 3 + ["offer.changed"]
    assert await types_told(sessions, wanted) == ["want.published", "want.changed"]
    event = (await told(sessions, [volume]))[-1]
    assert (event.version, event.data["available"]["amount"], event.data["catalogue_version"]) == (3, "10", catalogue.version + 1)
    assert [await column(sessions, volume, name) for name in ("quantity_kg", "minimum_lot_kg", "terms_version")] == [1000, 200, 3]
    assert [await column(sessions, wanted, name) for name in ("minimum_kg", "maximum_kg")] == [100, 900]
    assert await column(sessions, draft, "quantity_kg") == 100


@pytest.mark.usefixtures("standing")
async def test_a_price_by_volume_is_told_again_though_the_quantity_is_in_kilograms(
    sessions: Sessions, catalogue: Catalogue, holder: Trader, renewed: Any
) -> None:
    priced = await holder.offer(price=soles(9, "m3"))
    await holder.offer(price=soles(9, "t"))

    assert await renewed(revised(catalogue, COTTON, density_kg_m3=Decimal(100))) == 1

    assert await types_told(sessions, priced) == ["offer.published", "offer.changed"]


@pytest.mark.usefixtures("standing")
async def test_another_regime_or_presumed_fact_is_told_and_voids_what_was_accepted(
    sessions: Sessions, catalogue: Catalogue, holder: Trader, seeker: Trader, renewed: Any
) -> None:
    presumed, stated, want = await holder.offer(facts=None), await holder.offer(), await seeker.want()
    await holder.answered(presumed, want, "accept", quantity_kg="100")
    later = revised(catalogue, COTTON, usual_facts=usual(catalogue.materials[COTTON], directly_usable=False))

    assert await renewed(later) == 1

    assert await types_told(sessions, stated) == ["offer.published"]
    event = (await told(sessions, [presumed]))[-1]
    assert (event.type, event.data["regime"]["slug"]) == ("offer.changed", "residuo_no_peligroso")
    assert (await types_told(sessions))[-2:] == ["deal.voided", "offer.changed"]


@pytest.mark.usefixtures("standing")
async def test_new_kinship_sends_a_want_to_the_bucket_that_it_could_now_be_served_from(
    sessions: Sessions, catalogue: Catalogue, seeker: Trader, renewed: Any
) -> None:
    want = await seeker.want()
    before = await routes(sessions, want)
    kin = (*catalogue.materials["wood.bark"].kin, Kin(code=COTTON, weight=0.3))

    assert await renewed(revised(catalogue, "wood.bark", kin=kin)) == 1

    added = [route for route in await routes(sessions, want) if route not in before]
    assert added == [["ayni.standing", catalogue.partitions["wood"]]]
    assert await types_told(sessions, want) == ["want.published", "want.changed"]
    assert await column(sessions, want, "terms_version") == 1


@pytest.mark.usefixtures("standing")
async def test_a_shorter_shelf_life_makes_waste_at_once(
    sessions: Sessions, catalogue: Catalogue, holder: Trader, clock: FakeClock, renewed: Any
) -> None:
    offer = await holder.offer(material=BREWERS, available_from=at(hours=-10))

    assert await renewed(revised(catalogue, BREWERS, shelf_life_hours=Decimal(8))) == 1

    assert await types_told(sessions, offer) == ["offer.published", "offer.lapsed_to_waste"]
    assert await renewed(revised(catalogue, BREWERS, shelf_life_hours=Decimal(8))) == 0


@pytest.mark.usefixtures("standing")
async def test_what_deals_took_stands_though_the_whole_now_weighs_less(
    sessions: Sessions, catalogue: Catalogue, holder: Trader, seeker: Trader, renewed: Any
) -> None:
    offer, want = await holder.offer(quantity=kilo(10, "m3")), await seeker.want()
    await holder.answered(offer, want, "accept", quantity_kg="1200")
    await seeker.answered(offer, want, "accept", quantity_kg="1200")

    assert await renewed(revised(catalogue, COTTON, density_kg_m3=Decimal(100))) == 1

    assert [await column(sessions, offer, name) for name in ("quantity_kg", "taken_kg", "state")] == [1200, 1200, "exhausted"]
    assert (await types_told(sessions, offer))[-1] == "offer.exhausted"


@pytest.mark.usefixtures("standing")
async def test_a_new_version_that_changes_nothing_of_it_is_told_of_nothing(
    sessions: Sessions, catalogue: Catalogue, holder: Trader, seeker: Trader, renewed: Any
) -> None:
    await holder.offer(quantity=kilo(10, "m3"))
    await seeker.want()
    before = await written(sessions)

    assert await renewed(revised(catalogue, COTTON, half_distance_km=Decimal(17))) == 0
    assert await written(sessions) == before


@pytest.mark.usefixtures("standing")
async def test_two_that_start_at_once_tell_once(sessions: Sessions, catalogue: Catalogue, holder: Trader, clock: FakeClock) -> None:
    offers = [await holder.offer(price=soles(9, "m3")) for _ in range(3)]
    rules = Rules(revised(catalogue, COTTON, density_kg_m3=Decimal(100)))

    await asyncio.gather(*(renew(sessions, rules, clock) for _ in range(4)))

    for offer in offers:
        assert await types_told(sessions, offer) == ["offer.published", "offer.changed"]


@pytest.mark.usefixtures("standing")
async def test_one_that_was_cut_off_has_done_nothing_and_the_next_does_it_all(
    sessions: Sessions, catalogue: Catalogue, holder: Trader, clock: FakeClock, renewed: Any
) -> None:
    await holder.offer(price=soles(9, "m3"))
    before, later = await written(sessions), revised(catalogue, COTTON, density_kg_m3=Decimal(100))

    async with sessions() as session:
        await session.begin()
        assert await renew_listings(session, Rules(later), clock()) == 1
        await session.rollback()
    assert await written(sessions) == before

    assert await renewed(later) == 1


async def test_a_market_from_before_it_was_kept_is_told_only_what_differs(
    sessions: Sessions, catalogue: Catalogue, holder: Trader, renewed: Any
) -> None:
    await holder.offer(quantity=kilo(10, "m3"))
    await holder.offer(material=PALLETS, quantity=kilo(10, "unit"))

    assert await renewed(revised(catalogue, PALLETS, unit_weight_kg=Decimal(25))) == 1
    assert await renewed(revised(catalogue, PALLETS, unit_weight_kg=Decimal(25))) == 0


@pytest.mark.usefixtures("standing")
async def test_a_catalogue_that_lacks_what_listings_need_is_refused_naming_all_of_it(
    sessions: Sessions, catalogue: Catalogue, holder: Trader, seeker: Trader, renewed: Any
) -> None:
    await holder.offer(material=UNTOUCHED)
    await holder.offer(quantity=kilo(10, "m3"))
    await seeker.want(accepts=[{"material": COTTON}, {"material": PALLETS}])
    before = await written(sessions)
    lacking = revised(catalogue, COTTON, density_kg_m3=None)
    lacking = replace(lacking, materials={code: one for code, one in lacking.materials.items() if code not in (UNTOUCHED, PALLETS)})

    with pytest.raises(CatalogueError) as refused:
        await renewed(lacking)

    assert {fault.material for fault in refused.value.faults} == {UNTOUCHED, PALLETS, COTTON}
    assert "put its density_kg_m3 back" in str(refused.value)
    assert await written(sessions) == before


@pytest.mark.usefixtures("standing")
async def test_a_family_that_was_moved_is_refused(catalogue: Catalogue, holder: Trader, renewed: Any) -> None:
    await holder.offer()
    families = tuple(one.model_copy(update={"partition": 40}) if one.code == "textile" else one for one in catalogue.families)

    with pytest.raises(CatalogueError, match="give it back partition = 0"):
        await renewed(replace(catalogue, families=families))
