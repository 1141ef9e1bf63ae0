"""Invariants 1 and 2 through the front door: killed in the middle of a load, started again, nothing lost, nothing doubled."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx

from tests.e2e.people import Member, join, offer_body, want_body
from tests.e2e.running import Exchange, until

WRITERS = 6
ENOUGH = 60


def write_until_it_dies(member: Member, side: str, gone: Event, acknowledged: list[str]) -> None:
    """One listing after another; each that was answered 201 is written down."""
    while not gone.is_set():
        body = offer_body() if side == "offer" else want_body(maximum=None)
        try:
            answer = member.call("POST", f"/v1/{side}s", json=body)
        except httpx.HTTPError:
            return
        if answer.status_code == 201:
            acknowledged.append(answer.json()["id"])


def test_what_was_acknowledged_survives_a_kill_in_the_middle_of_a_load(mortal: Exchange) -> None:
    http = mortal.start()
    members = [join(http, "cooperative") for _ in range(WRITERS)]
    acknowledged: list[str] = []
    gone = Event()
    with ThreadPoolExecutor(WRITERS) as pool:
        for number, member in enumerate(members):
            pool.submit(write_until_it_dies, member, "offer" if number % 2 else "want", gone, acknowledged)
        until(lambda: len(acknowledged) >= ENOUGH, "a load")
        mortal.kill()
        gone.set()

    with mortal.start() as reborn:
        for member in members:
            member.http = reborn
        stored = {
            one["id"]: one["state"] for member in members for side in ("offers", "wants") for one in everything(member, f"/v1/{side}")
        }
        assert set(acknowledged) <= stored.keys(), "something acknowledged is lost"

        published = {name for name, state in stored.items() if state == "published"}
        until(lambda: published <= {event["subject"] for event in members[0].feed()}, "the feed tells of all that stands")
        events = [event for member in members for event in member.feed()]
        assert max(Counter(event["id"] for event in members[0].feed()).values()) == 1
        once = {event["id"]: event for event in events}.values()
        told = Counter((event["subject"], one) for event in once if "match.proposed" in event["type"] for one in event["data"]["told"])
        assert told, "nothing was told"
        assert max(told.values()) == 1, "a side was told of a pair twice"
        assert {event["subject"] for event in once if event["type"].endswith("published.v1")} <= stored.keys(), "an event of nothing"


def everything(member: Member, path: str) -> list[dict[str, str]]:
    items: list[dict[str, str]] = []
    after: dict[str, str] = {}
    while True:
        page = member.get(path, limit=100, **after)
        items += page["items"]
        if page["next"] is None:
            return items
        after = {"after": page["next"]}
