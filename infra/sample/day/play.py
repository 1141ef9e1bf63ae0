"""Playing the day: its acts at their hours, and what comes of them told as it comes.

Load-bearing: the `finally`. However the day ends, what it put on the market is taken off again, so that it may be played over and over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx

from contracts.countries import country
from infra.sample.day.clock import DayClock
from infra.sample.day.onlooker import Event, Onlooker
from infra.sample.day.player import Player
from infra.sample.day.script import Act, read_day
from infra.sample.day.words import Storyteller, is_of_match
from infra.sample.load import TIMEOUT_SECONDS
from infra.sample.market import SampleError, SampleOrganisation, read_market
from infra.sample.member import Member
from infra.sample.together import beside, few_at_a_time
from kit.ids import new_id

CLOSES_AT = 18 * 60
GATHER_SECONDS = 0.4  # the matches of one listing are told at once: what comes together is one line
AT_MOST_SECONDS = 20.0
QUIET_SECONDS = 5.0  # without an event, and all has come of the last act that will
LEAST_FRESH = timedelta(seconds=6)  # what has spoilt before it comes to the market does not spoil on it
VERBS = {"accepts": "accept", "declines": "decline", "releases": "release"}
Say = Callable[[str], None]


async def play_day(gateway_url: str, speed: float, say: Say) -> None:
    """One day, a line to `say` for each thing that happens. Raises SampleError, and httpx.TransportError where nothing answers."""
    acts = read_day()
    async with httpx.AsyncClient(base_url=gateway_url, timeout=TIMEOUT_SECONDS) as client:
        players = {name: Player(Member(client, one)) for name, one in _cast(acts).items()}
        today = country().today(datetime.now(UTC))
        await few_at_a_time(partial(player.member.join, today) for player in players.values())
        for player in players.values():
            await player.clear()  # of a day that was cut short
        day = Day(client, players, await _storyteller(players), say)
        try:
            await day.play(acts, speed)
        finally:
            cleared = [await player.clear() for player in players.values()]
            say(f"The day is over. What was left of it is off the market: {sum(cleared)} listings.")


def _cast(acts: Sequence[Act]) -> Mapping[str, SampleOrganisation]:
    """Who acts, by the domain of their mail addresses. Raises SampleError for one that the sample does not have."""
    known = {one.cells["email"].partition("@")[2].removesuffix(".example"): one for one in read_market()}
    cast = dict.fromkeys(act.who for act in acts)
    if unknown := cast.keys() - known.keys():
        raise SampleError(f"day.toml: organisations.csv has nobody at {sorted(unknown)}")
    return {name: known[name] for name in cast}


async def _storyteller(players: Mapping[str, Player]) -> Storyteller:
    ids = {(await player.member.ask("GET", "/v1/me"))["organisation"]["id"]: player.name for player in players.values()}
    return Storyteller(ids)


@dataclass(slots=True)
class Day:
    """listings: by their names in the script, (side, id) on the exchange; run: what tells this day's from another's."""

    client: httpx.AsyncClient
    players: Mapping[str, Player]
    storyteller: Storyteller
    say: Say
    run: str = field(default_factory=lambda: new_id().hex[-8:])
    listings: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def play(self, acts: Sequence[Act], speed: float) -> None:
        """Returns when all acts are done and what they brought has been told."""
        onlooker = Onlooker(self.client)
        async with onlooker.watching(list(self.players.values())):
            clock = DayClock(acts[0].at - 5, speed)
            async with beside(self._tell(onlooker, clock)):
                for act in acts:
                    await clock.reach(act.at)
                    await self._do(act, clock)
                await clock.reach(CLOSES_AT)
                await onlooker.quiet(QUIET_SECONDS, AT_MOST_SECONDS)

    async def _tell(self, onlooker: Onlooker, clock: DayClock) -> None:
        """Matches wait for each other, and for nothing else: whatever happens next is told after them."""
        gathered: list[Event] = []
        while True:
            try:
                async with asyncio.timeout(GATHER_SECONDS if gathered else None):
                    event = await onlooker.events.get()
            except TimeoutError:
                event = None
            if event is not None and is_of_match(event):
                gathered.append(event)
                continue
            await self._know(gathered)
            for line in [*self.storyteller.tell_matches(gathered), *([self.storyteller.tell(event)] if event else [])]:
                self.say(f"{clock.now()}  {line}")
            gathered = []

    async def _know(self, matches: Sequence[Event]) -> None:
        """Asks for the listings of others that stood on the market before the day began."""
        asking = next(iter(self.players.values())).member
        for side, id in {(side, event["data"][f"{side}_id"]) for event in matches for side in ("offer", "want")}:
            if id not in self.storyteller.listings:
                answer = await asking.send("GET", f"/v1/{side}s/{id}")
                if answer.is_success:
                    self.storyteller.listings[id] = answer.json()

    async def _do(self, act: Act, clock: DayClock) -> None:
        player = self.players[act.who]
        if act.does in VERBS:
            match = f"{self.listings[act.offer][1]}.{self.listings[act.want][1]}"
            body = {"quantity_kg": act.quantity_kg, "reason": act.reason}
            await player.answer(match, VERBS[act.does], {name: value for name, value in body.items() if value is not None})
        elif act.does == "reprices":
            side, id = self.listings[act.what]
            await player.change(f"/v1/{side}/{id}", {"price" if side == "offers" else "max_price": act.price})
        else:
            body = act.body | await self._freshness(act, player, clock)
            made = await player.publish(act.does, f"{self.run}-{act.what}", body)
            self.listings[act.what] = (act.does, made["id"])

    async def _freshness(self, act: Act, player: Player, clock: DayClock) -> dict[str, Any]:
        """From when a lot is available that spoils at its hour."""
        if act.spoils_at is None:
            return {}
        material = await player.member.ask("GET", f"/v1/materials/{act.body['material']}")
        shelf_life = timedelta(hours=float(material["shelf_life_hours"]))
        left = max(clock.until(act.spoils_at), LEAST_FRESH)
        return {"available_from": (datetime.now(UTC) + left - shelf_life).isoformat()}
