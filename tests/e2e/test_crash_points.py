"""Invariants 1 and 2 at the places where two writes meet: killed just there, started again and asked again, each effect exists once.

The chaos harness kills at random; these kills hit windows of a few microseconds, each at least twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from contracts.topics import STANDING, dead_letters_of
from kit.bus import Message
from kit.bus_postgres import PostgresBus
from kit.dead_letters import dead_letters
from tests.e2e.people import Json, Member, join, offer_body
from tests.e2e.running import Exchange
from tests.patience import until

KILLS = (1, 2)
QUIET = """
    select not exists (select from listings.outbox where sent_at is null) and not exists (select from matching.outbox where sent_at is null)
      and not exists (select from notifications.notices where addressed_at is null)
      and not exists (
        select from bus.partitions p
        join (values ('matching', 'ayni.standing'), ('notifications', 'ayni.offers'), ('notifications', 'ayni.wants'),
            ('notifications', 'ayni.matches'), ('notifications', 'ayni.deals')) heard (consumer_group, topic) using (topic)
        left join bus.offsets o using (consumer_group, topic, partition) where p.next_position > coalesce(o.position, 0))
"""


@dataclass
class Scene:
    """An exchange with a want in it, that of a seeker; the holder is the one who acts."""

    exchange: Exchange
    holder: Member
    seeker: Member
    want: Json
    made: Json = field(default_factory=dict)

    def meet(self, http: httpx.Client) -> None:
        self.holder.http.close()
        self.holder.http = self.seeker.http = http

    def clear(self) -> None:
        """Off the market: what stood of scenes before would take the best places from the next."""
        self.seeker.post(f"/v1/wants/{self.want['id']}/withdraw")
        for offer in self.holder.get("/v1/offers", state="published")["items"]:
            self.holder.post(f"/v1/offers/{offer['id']}/withdraw")
        self.holder.http.close()

    def once(self, path: str, body: Json | None, key: str) -> httpx.Response:
        return self.holder.settled("POST", path, json=body, headers={"Idempotency-Key": key})

    def events(self, subject: str) -> Counter[str]:
        """How often each type of event was told of a subject, to either side."""
        told = {event["id"]: event for member in (self.holder, self.seeker) for event in member.feed()}
        return Counter(event["type"].removeprefix("pe.ayni.").removesuffix(".v1") for event in told.values() if event["subject"] == subject)

    def notices(self, member: Member, subject: str) -> Counter[str]:
        return Counter(one["kind"] for one in member.get("/v1/notices", limit=100)["items"] if one["subject"]["id"] == subject)


@dataclass(frozen=True)
class Act:
    """before: what must be there, done while nobody is killed. go: what meets the kill; asked again it must do nothing twice."""

    before: Callable[[Scene], None]
    go: Callable[[Scene, str], httpx.Response | None]
    proved: Callable[[Scene], None]


def nothing(_: Scene) -> None:
    """Nothing has to be there."""


def publish(scene: Scene, key: str) -> httpx.Response:
    answer = scene.once("/v1/offers", offer_body(external_id=key), key)
    if answer.status_code == 201:
        scene.made = answer.json()
    return answer


def matched_once(scene: Scene) -> None:
    """One offer, one event of it, one match told once to each side, one notice each."""
    offer, match = scene.made["id"], f"{scene.made['id']}.{scene.want['id']}"
    until(lambda: scene.notices(scene.seeker, match) and scene.notices(scene.holder, offer) and scene.events(offer), "both have heard")
    mine = [one for one in scene.holder.get("/v1/offers", limit=100)["items"] if one["external_id"] == scene.made["external_id"]]
    assert [one["id"] for one in mine] == [offer]
    assert scene.events(offer) == {"offer.published": 1}
    assert scene.events(match) == {"match.proposed": 1}
    assert scene.notices(scene.holder, offer) == {"listing.matched": 1}
    assert scene.notices(scene.seeker, match) == {"match.proposed": 1}


def offer_stands(scene: Scene) -> None:
    scene.made = scene.holder.offer(quantity={"amount": "1500", "unit": "kg"})
    path = f"/v1/matches/{scene.made['id']}.{scene.want['id']}"
    until(lambda: scene.seeker.call("GET", path).status_code == 200, "the match")
    deal = scene.seeker.post(f"{path}/accept", {"quantity_kg": "100"})["deal_id"]
    until(lambda: scene.notices(scene.holder, deal), "the acceptance is heard of")


def accept(scene: Scene, key: str) -> httpx.Response:
    return scene.once(f"/v1/matches/{scene.made['id']}.{scene.want['id']}/accept", {"quantity_kg": "100"}, key)


def agreed_once(scene: Scene) -> None:
    """100 kg taken from the offer once, and agreed once."""
    match = scene.holder.get(f"/v1/matches/{scene.made['id']}.{scene.want['id']}")
    assert match["state"] == "agreed"
    assert scene.holder.get(f"/v1/offers/{scene.made['id']}")["available"]["amount"] == "1400"
    until(lambda: scene.notices(scene.seeker, match["deal_id"])["deal.agreed"], "the agreement is heard of")
    assert scene.events(match["deal_id"]) == {"deal.offered": 1, "deal.agreed": 1}
    assert scene.notices(scene.holder, match["deal_id"]) == {"deal.offered": 1, "deal.agreed": 1}


def publish_for_a_moment(scene: Scene, key: str) -> httpx.Response:
    """An offer that lapses while the kill waits for it; on a machine too slow to publish it within that time, one that lapses later."""
    for seconds in (2, 10, 30):
        end = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        scene.made = scene.made or offer_body(external_id=key, available_until=end)  # asked again, it is the same request
        answer = scene.once("/v1/offers", scene.made, key)
        if answer.status_code != 422:
            break
        scene.made = {}
    return answer


def lapsed_once(scene: Scene) -> None:
    mine = until(lambda: [one for one in scene.holder.get("/v1/offers", limit=100)["items"] if one["state"] == "lapsed"], "the lapse")
    until(lambda: scene.events(mine[0]["id"])["offer.lapsed"], "the lapse is told")
    assert scene.events(mine[0]["id"]) == {"offer.published": 1, "offer.lapsed": 1}


def poison(scene: Scene, key: str) -> None:
    """A message that nobody can read, behind which everything else must go on. Asked again: it is there."""
    if scene.made:
        return
    headers = {"ce_id": key, "ce_type": "pe.ayni.offer.published.v1", "ce_time": "never", "ce_subject": key, "ce_ayniversion": "1"}
    scene.made = {"key": key}
    asyncio.run(_publish(scene.exchange.running["database"], Message(STANDING, 5, key, headers, b"{")))


async def _publish(dsn: str, message: Message) -> None:
    bus = PostgresBus(dsn)
    await bus.start()
    try:
        await bus.publish([message])
    finally:
        await bus.stop()


async def _buried(dsn: str, key: str) -> int:
    bus = PostgresBus(dsn)
    await bus.start()
    try:
        return len([one async for one in dead_letters(bus, dead_letters_of("matching")) if one.key == key])
    finally:
        await bus.stop()


def buried_once(scene: Scene) -> None:
    dsn, key = scene.exchange.running["database"], scene.made["key"]
    until(lambda: asyncio.run(_buried(dsn, key)), "the poison is among the dead letters")
    assert asyncio.run(_buried(dsn, key)) == 1


PUBLISHING = Act(nothing, publish, matched_once)
ACCEPTING = Act(offer_stands, accept, agreed_once)
ACTS: dict[str, Act] = {
    "listings.request.before_commit": PUBLISHING,
    "listings.request.after_commit": PUBLISHING,
    "listings.after_publish": PUBLISHING,
    "listings.after_mark": PUBLISHING,
    "matching.handle.before_fence": PUBLISHING,
    "matching.handle.inside_copy": PUBLISHING,
    "matching.handle.before_commit": PUBLISHING,
    "matching.after_handle": PUBLISHING,
    "matching.after_offset": PUBLISHING,
    "matching.after_publish": PUBLISHING,
    "notifications.handle.before_commit": PUBLISHING,
    "notifications.after_handle": PUBLISHING,
    "matching.answer.before_memory": ACCEPTING,
    "matching.after_burial": Act(nothing, poison, buried_once),
    "listings.clock.before_commit": Act(nothing, publish_for_a_moment, lapsed_once),
}


@pytest.fixture(scope="module")
def scenes() -> Iterator[Callable[[], Scene]]:
    """A new scene each time, on one exchange that is killed and started all along; the one who was asked again sets the next scene."""
    folder = Path(tempfile.mkdtemp(prefix="ayni-crash-"))
    folder.chmod(0o755)
    exchange = Exchange(folder)

    def scene() -> Scene:
        http = exchange.client() if exchange.is_running else exchange.start()
        holder, seeker = join(http), join(http, "cooperative", -12.2, -76.95)
        found = Scene(exchange, holder, seeker, seeker.want(maximum=None))
        until(lambda: exchange.asked(QUIET), "all has been heard")  # what is on its way would meet the kill in the act's place
        return found

    yield scene
    exchange.stop()
    shutil.rmtree(folder)


def armed(exchange: Exchange, point: str) -> httpx.Client:
    """Started so that it dies at the point. What a kill left undelivered may meet it first: then once more."""
    for _ in range(5):
        try:
            return exchange.start(AYNI_CRASH_AT=point, AYNI_IS_TEST="yes")
        except AssertionError:
            exchange.await_death()
    raise AssertionError("it dies before anything is asked of it, again and again")


def attempt(act: Act, scene: Scene, key: str) -> None:
    """What is asked of a process that dies under it may go unanswered."""
    with contextlib.suppress(httpx.HTTPError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        act.go(scene, key)


@pytest.mark.parametrize("kill", KILLS)
@pytest.mark.parametrize("point", ACTS)
def test_killed_at_a_point_and_asked_again_each_effect_exists_once(point: str, kill: int, scenes: Callable[[], Scene]) -> None:
    act, key = ACTS[point], f"{point}-{kill}-{uuid.uuid4()}"
    scene = scenes()
    act.before(scene)
    scene.exchange.kill()
    scene.meet(armed(scene.exchange, point))
    attempt(act, scene, key)
    scene.exchange.await_death()
    scene.meet(scene.exchange.start())
    again: Any = act.go(scene, key)
    assert again is None or again.status_code in (200, 201), again.text
    act.proved(scene)
    scene.clear()


def test_outside_tests_it_does_not_start_with_a_crash_point(mortal: Exchange) -> None:
    with pytest.raises(AssertionError, match="AYNI_CRASH_AT is for tests"):
        mortal.start(AYNI_CRASH_AT="listings.request.after_commit")
