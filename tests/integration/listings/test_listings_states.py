"""The states of api.md, row by row: every verb in every state, for offers and wants, as their owner and as others see them."""

from __future__ import annotations

import pytest

from contracts.listings import OfferState, WantState
from kit.database import Sessions
from kit.ids import new_id
from services.listings.scheduler import Scheduler
from tests.integration.listings.traders import FakeClock, Json, Trader, at, kilo, path_of, problem, soles, told, types_told, written

END = {"hours": 1}
STATES = ("draft", "published", "withdrawn", "lapsed", "full")
# state: publish, withdraw. A state is where the verb leads, "unchanged" is 200 with nothing done, 409 names the state.
VERBS: dict[str, dict[str, str | int]] = {
    "draft": {"publish": "published", "withdraw": 409},
    "published": {"publish": "unchanged", "withdraw": "withdrawn"},
    "withdrawn": {"publish": "published", "withdraw": "unchanged"},
    "lapsed": {"publish": 409, "withdraw": 409},
    "full": {"publish": 409, "withdraw": "withdrawn"},
}


class Stage:
    """Brings a listing of one side into a state, in the ways that the exchange knows."""

    def __init__(self, holder: Trader, seeker: Trader, scheduler: Scheduler, clock: FakeClock, is_offer: bool) -> None:
        self.holder, self.seeker, self.scheduler, self.clock, self.is_offer = holder, seeker, scheduler, clock, is_offer
        self.owner = holder if is_offer else seeker
        self.name, self.end = ("offer", "available_until") if is_offer else ("want", "needed_until")
        self.full = "exhausted" if is_offer else "satisfied"

    async def listing(self, state: str) -> Json:
        end = {self.end: at(**END)} if state == "lapsed" else {}
        make = self.owner.offer if self.is_offer else self.owner.want
        amount = {} if self.is_offer else {"maximum": kilo(2000)}
        made = await make(publish=state != "draft", external_id=str(new_id()), **amount, **end)
        if state == "withdrawn":
            await self.owner.post(f"{path_of(made)}/withdraw")
        if state == "lapsed":
            self.clock.move(**END)
            await self.scheduler.catch_up()
        if state == "full":
            await self.agree(made, "2000")
        found = await self.owner.read(made)
        assert found["state"] == self.state(state)
        return found

    def state(self, name: str) -> str:
        return self.full if name == "full" else name

    async def agree(self, listing: Json, quantity_kg: str) -> tuple[Json, Json]:
        """A deal with the other side, who makes a listing for it."""
        other = await (self.seeker.want() if self.is_offer else self.holder.offer())
        pair = (listing, other) if self.is_offer else (other, listing)
        await self.holder.answered(*pair, "accept", quantity_kg=quantity_kg)
        await self.seeker.answered(*pair, "accept", quantity_kg=quantity_kg)
        return pair

    async def verb(self, listing: Json, verb: str) -> Json:
        return await self.owner.post(f"{path_of(listing)}/{verb}")


@pytest.fixture(params=[True, False], ids=["offer", "want"])
def stage(request: pytest.FixtureRequest, holder: Trader, seeker: Trader, scheduler: Scheduler, clock: FakeClock) -> Stage:
    return Stage(holder, seeker, scheduler, clock, request.param)


def test_the_table_knows_every_state() -> None:
    known = {"draft", "published", "withdrawn", "lapsed"}
    assert set(OfferState.__args__) == known | {"exhausted"}  # type: ignore[attr-defined]
    assert set(WantState.__args__) == known | {"satisfied"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("verb", ["publish", "withdraw"])
@pytest.mark.parametrize("state", STATES)
async def test_a_verb_leads_where_the_state_allows(sessions: Sessions, stage: Stage, clock: FakeClock, state: str, verb: str) -> None:
    listing, outcome = await stage.listing(state), VERBS[state][verb]
    stood = await written(sessions)
    clock.move(seconds=1)
    answer = await stage.owner.call("POST", f"{path_of(listing)}/{verb}")
    if outcome == 409:
        assert stage.state(state) in problem(answer, 409)["detail"]
        assert await written(sessions) == stood
    elif outcome == "unchanged":
        assert answer.json() == listing
        assert await written(sessions) == stood
    else:
        found = answer.json()
        assert (answer.status_code, found["state"], found["version"]) == (200, outcome, listing["version"] + 1)
        assert answer.headers["etag"] == f'"{found["version"]}"'
        assert (await types_told(sessions))[-1] == f"{stage.name}.{outcome}"
        again = await stage.verb(listing, verb)
        assert again == found, "repeated, it changes nothing"


@pytest.mark.parametrize("state", STATES)
async def test_who_sees_it_and_what_a_change_tells(sessions: Sessions, stage: Stage, stranger: Trader, state: str) -> None:
    listing = await stage.listing(state)
    seen = await stranger.call("GET", path_of(listing))
    if state == "published":
        assert (seen.status_code, seen.json()["site_id"], seen.json()["external_id"]) == (200, None, None)
    else:
        problem(seen, 404)
    events = len(await told(sessions))
    changed = await stage.owner.patch(listing, title="Otro título")
    assert (changed["state"], changed["version"]) == (listing["state"], listing["version"] + 1)
    said = [one.type for one in (await told(sessions))[events:]]
    assert said == ([f"{stage.name}.changed"] if state == "published" else []), "a change of what is not published is no event"


@pytest.mark.parametrize("state", ["withdrawn", "lapsed", "full"])
async def test_the_other_side_of_an_agreed_deal_still_sees_it(stage: Stage, stranger: Trader, clock: FakeClock, state: str) -> None:
    listing = await stage.listing("published")
    await stage.agree(listing, "2000" if state == "full" else "500")
    if state == "withdrawn":
        await stage.verb(listing, "withdraw")
    if state == "lapsed":
        await stage.owner.patch(listing, **{stage.end: at(hours=1)})
        clock.move(hours=1)
        await stage.scheduler.catch_up()
    other = stage.seeker if stage.is_offer else stage.holder
    seen = await other.get(path_of(listing))
    assert (seen["state"], seen["site_id"], seen["external_id"]) == (stage.state(state), None, None)
    problem(await stranger.call("GET", path_of(listing)), 404)


async def test_a_lapsed_one_comes_back_after_a_change_that_makes_it_valid(sessions: Sessions, stage: Stage, clock: FakeClock) -> None:
    listing = await stage.listing("lapsed")
    clock.move(minutes=1)
    changed = await stage.owner.patch(listing, **{stage.end: at(days=2)})
    assert (changed["state"], changed["published_at"]) == ("lapsed", listing["published_at"])
    back = await stage.verb(listing, "publish")
    assert (back["state"], back["published_at"]) == ("published", at(hours=1, minutes=1)), "published_at is that of the last publication"
    assert await types_told(sessions) == [f"{stage.name}.published", f"{stage.name}.lapsed", f"{stage.name}.published"]


async def test_a_full_one_opens_again_when_its_quantity_grows_unless_it_was_withdrawn(sessions: Sessions, stage: Stage) -> None:
    listing = await stage.listing("full")
    grown = {"quantity": kilo(3000)} if stage.is_offer else {"maximum": kilo(3000)}
    opened = await stage.owner.patch(listing, **grown)
    assert (opened["state"], opened["published_at"]) == ("published", listing["published_at"])
    assert (await types_told(sessions))[-1] == f"{stage.name}.changed"
    other = await stage.listing("full")
    await stage.verb(other, "withdraw")
    problem(await stage.owner.call("POST", f"{path_of(other)}/publish"), 409)
    assert (await stage.owner.patch(other, **grown))["state"] == "withdrawn"
    assert (await stage.verb(other, "publish"))["state"] == "published"


async def test_a_quantity_lowered_to_what_deals_took_uses_it_up(sessions: Sessions, stage: Stage) -> None:
    listing = await stage.listing("published")
    await stage.agree(listing, "700")
    lowered = await stage.owner.patch(listing, **({"quantity": kilo("0.7", "t")} if stage.is_offer else {"maximum": kilo("0.7", "t")}))
    assert lowered["state"] == stage.full
    assert (await types_told(sessions))[-1] == f"{stage.name}.{stage.full}"


async def test_what_changes_nothing_is_no_change(sessions: Sessions, stage: Stage) -> None:
    listing = await stage.listing("published")
    stood = await written(sessions)
    same = {"title": listing["title"], "description": "", "rhythm": "one_off", "site_id": listing["site_id"]}
    own = {"quantity": kilo("2000.000"), "facts": listing["facts"], "price": None} if stage.is_offer else {"accepts": listing["accepts"]}
    for change in ({}, same | own):
        answer = await stage.owner.call("PATCH", path_of(listing), change, {"If-Match": f'"{listing["version"]}"'})
        assert (answer.status_code, answer.json()["version"]) == (200, listing["version"])
    assert await written(sessions) == stood


async def test_a_draft_may_change_in_everything_and_a_published_offer_in_all_but_its_material(holder: Trader) -> None:
    draft = await holder.offer(publish=False, price=soles(5), grade="A")
    other = {"material": "paper.occ", "title": "Cartón", "quantity": kilo(3, "t"), "rhythm": "recurring", "price": None, "grade": None}
    changed = await holder.patch(draft, **other)
    assert {name: changed[name] for name in other} == other
    offer = await holder.post(f"{path_of(draft)}/publish")
    tag = {"If-Match": f'"{offer["version"]}"'}
    problem(await holder.call("PATCH", path_of(offer), {"material": "textile.cotton_offcuts"}, tag), 422, "material")
    await holder.post(f"{path_of(offer)}/withdraw")
    tag = {"If-Match": f'"{offer["version"] + 1}"'}
    problem(await holder.call("PATCH", path_of(offer), {"material": "textile.cotton_offcuts"}, tag), 422, "material")


async def test_null_clears_a_field_left_out_stays_and_an_object_is_replaced_whole(holder: Trader) -> None:
    offer = await holder.offer(price=soles(5), grade="A", facts={"post_consumer": True, "same_process": False})
    changed = await holder.patch(offer, price=None, facts={"post_consumer": False})
    assert (changed["price"], changed["grade"]) == (None, "A")
    assert "same_process" in changed["facts_presumed"]
    assert "post_consumer" not in changed["facts_presumed"]


async def test_what_has_ended_already_is_not_published_and_leaves_nothing(sessions: Sessions, stage: Stage, clock: FakeClock) -> None:
    draft = await stage.listing("draft")
    await stage.owner.patch(draft, **{stage.end: at(hours=1)})
    clock.move(hours=1)
    stood = await written(sessions)
    assert "draft" in problem(await stage.owner.call("POST", f"{path_of(draft)}/publish"), 409)["detail"]
    assert await written(sessions) == stood
