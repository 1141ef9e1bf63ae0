"""What the law makes of an offer and who may receive it: matching.md, section 4, row by row, through the door."""

from __future__ import annotations

from typing import get_args

import pytest

from contracts.listings import LicenceKind, OrganisationKind
from kit.database import Sessions
from services.listings.scheduler import Scheduler
from tests.integration.listings.conftest import Joins
from tests.integration.listings.traders import BY_PRODUCT, COTTON, FakeClock, Json, Trader, at, kilo, problem, types_told

HAZARDOUS, PRIORITY, BOTH = "chemical.spent_solvent", "rubber.end_of_life_tyres", "electronic.crt_screens"
FISH, SHELLS, PULP = "fish.fish_heads_frames", "fish.scallop_shells", "agrofood.fruit_pulp"
NO_FACTS = dict.fromkeys(BY_PRODUCT, False)
MIXED = BY_PRODUCT | {"mixed_with_hazardous": True}
OLD = {"available_from": at(days=-30)}  # spoilt, whatever its shelf life

# material, facts, other fields, regime: the first rule that holds decides.
ROWS: list[tuple[str, Json, Json, str]] = [
    *((code, MIXED, {}, "residuo_peligroso") for code in (COTTON, PRIORITY, FISH, HAZARDOUS)),
    *((PRIORITY, facts, {}, "bien_priorizado") for facts in (NO_FACTS, BY_PRODUCT, NO_FACTS | {"post_consumer": True})),
    (BOTH, BY_PRODUCT, {}, "bien_priorizado"),
    *((FISH, facts, {}, "hidrobiologico") for facts in (NO_FACTS, BY_PRODUCT)),
    (SHELLS, NO_FACTS, OLD, "hidrobiologico"),  # no shelf life: always fresh
    (FISH, NO_FACTS, OLD | {"rhythm": "recurring"}, "hidrobiologico"),  # collected fresh each time
    *((FISH, facts, OLD, "residuo_no_peligroso") for facts in (NO_FACTS, BY_PRODUCT)),
    *((code, BY_PRODUCT, {}, "descarte") for code in (COTTON, HAZARDOUS, PULP)),
    (PULP, BY_PRODUCT, OLD | {"rhythm": "recurring"}, "descarte"),
    (PULP, BY_PRODUCT, OLD, "residuo_no_peligroso"),
    *((COTTON, BY_PRODUCT | {fact: True}, {}, "residuo_no_peligroso") for fact in ("post_consumer", "same_process", "ancillary_activity")),
    *((COTTON, BY_PRODUCT | {fact: False}, {}, "residuo_no_peligroso") for fact in ("own_process_by_product", "directly_usable")),
    (HAZARDOUS, NO_FACTS, {}, "residuo_peligroso"),
    (HAZARDOUS, BY_PRODUCT | {"post_consumer": True}, {}, "residuo_peligroso"),
    (COTTON, NO_FACTS, {}, "residuo_no_peligroso"),
]
WASTE_PAPERS = {"eo_rs", "eo_rs_hazardous", "recycler_register", "own_plant_valorisation"}
# An offer of the regime; who may receive it, by licence and by kind; what is said to everybody else.
GATES: dict[str, tuple[Json, set[str], set[str], str]] = {
    "residuo_peligroso": ({"facts": MIXED}, {"eo_rs_hazardous"}, set(), "licence:eo_rs_hazardous"),
    "bien_priorizado": ({"material": PRIORITY}, {"priority_goods_system"}, set(), "licence:priority_goods_system"),
    "hidrobiologico": ({"material": SHELLS}, {"hydrobiological_plant"}, set(), "licence:hydrobiological_plant"),
    "descarte": ({"facts": BY_PRODUCT}, set(), {"firm", "cooperative", "recycler", "fish_plant"}, "regime:not_a_user"),
    "residuo_no_peligroso": ({"facts": NO_FACTS}, WASTE_PAPERS, set(), "licence:eo_rs"),
}


async def test_the_facts_and_the_material_decide_the_regime_in_the_order_of_the_rules(holder: Trader) -> None:
    for material, facts, other, regime in ROWS:
        offer = await holder.offer(material=material, facts=facts, **other)
        assert offer["regime"]["slug"] == regime, f"{material}, {[name for name, holds in facts.items() if holds]}, {other}"
        assert offer["regime"]["rule"]
        assert any(source in offer["regime"]["source"] for source in ("DS 0", "DL 1278"))


@pytest.mark.parametrize("regime", GATES)
async def test_who_may_receive_is_asked_again_when_it_is_accepted(holder: Trader, joins: Joins, regime: str) -> None:
    changes, licences, kinds, slug = GATES[regime]
    offer = await holder.offer(quantity=kilo(1000000), **changes)
    assert offer["regime"]["slug"] == regime
    seekers = [(await joins(kind), None) for kind in get_args(OrganisationKind)]
    seekers += [(await joins("authority"), licence) for licence in get_args(LicenceKind)]  # an authority has no powers of its own
    for (seeker, licence), kind in zip(seekers, [*get_args(OrganisationKind), *get_args(LicenceKind)], strict=True):
        if licence is not None:
            await seeker.licence(licence)
        answer = await seeker.answer(offer, await seeker.want(accepts=[{"material": offer["material"]}]), "accept")
        if kind in licences | kinds:
            assert (answer.status_code, answer.json()["state"]) == (200, "offered"), kind
        else:
            found = problem(answer, 409)
            assert slug in found["detail"], f"{kind}: {found['detail']}"


@pytest.mark.parametrize(("valid_until", "is_valid"), [(None, True), ("2026-11-24", True), ("2027-01-01", True), ("2026-11-23", False)])
async def test_a_licence_is_valid_through_its_last_day_in_lima(
    holder: Trader, seeker: Trader, clock: FakeClock, valid_until: str | None, is_valid: bool
) -> None:
    clock.move(hours=14)  # the 25th in UTC, the 24th in Lima until 05:00 UTC
    await seeker.licence("eo_rs", valid_until)
    offer, want = await holder.offer(facts=NO_FACTS), await seeker.want()
    assert (await seeker.answer(offer, want, "accept")).status_code == (200 if is_valid else 409)


async def test_facts_left_out_are_presumed_listed_and_decide_until_they_are_stated(holder: Trader) -> None:
    offer = await holder.offer(facts={"post_consumer": False})
    assert set(offer["facts_presumed"]) == BY_PRODUCT.keys() - {"post_consumer"}
    assert (offer["facts"], offer["regime"]["slug"]) == (BY_PRODUCT, "descarte"), "what most holders of offcuts would state"
    stated = await holder.patch(offer, facts=NO_FACTS)
    assert (stated["facts_presumed"], stated["regime"]["slug"]) == ([], "residuo_no_peligroso")
    assert (await holder.patch(offer, facts=None))["regime"]["slug"] == "descarte"


async def test_what_became_waste_on_the_market_stays_waste(
    sessions: Sessions, holder: Trader, scheduler: Scheduler, clock: FakeClock
) -> None:
    offer = await holder.offer(material=PULP)
    assert (offer["regime"]["slug"], offer["fresh_until"], offer["lapsed_to_waste"]) == ("descarte", at(hours=48), False)
    clock.move(hours=48)
    await scheduler.catch_up()
    waste = await holder.read(offer)
    assert (waste["regime"]["slug"], waste["fresh_until"], waste["lapsed_to_waste"]) == ("residuo_no_peligroso", None, True)
    later = await holder.patch(offer, available_from=at(days=30))
    assert (later["regime"]["slug"], later["fresh_until"], later["lapsed_to_waste"]) == ("residuo_no_peligroso", None, True)
    await holder.post(f"/v1/offers/{offer['id']}/withdraw")
    assert (await holder.post(f"/v1/offers/{offer['id']}/publish"))["lapsed_to_waste"] is True
    assert await types_told(sessions) == [f"offer.{verb}" for verb in ("published", "lapsed_to_waste", "changed", "withdrawn", "published")]


async def test_a_draft_that_spoilt_before_it_came_to_the_market_comes_as_waste(
    sessions: Sessions, holder: Trader, scheduler: Scheduler, clock: FakeClock
) -> None:
    draft = await holder.offer(material=PULP, publish=False)
    clock.move(hours=49)
    assert await scheduler.catch_up() == 0, "what time does to a draft is nobody's business"
    offer = await holder.post(f"/v1/offers/{draft['id']}/publish")
    assert (offer["lapsed_to_waste"], offer["regime"]["slug"]) == (True, "residuo_no_peligroso")
    assert await types_told(sessions) == ["offer.published"]
