"""Invariants 1 and 2 through the front door: killed in the middle of a load, started again, nothing lost, nothing doubled."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx

from tests.e2e.people import Json, Member, join, offer_body, want_body
from tests.e2e.running import Exchange
from tests.patience import until

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
    first = members[0].want(maximum=None)["id"]
    members[1].offer()  # whatever is published from here on finds a counterpart
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
        until(lambda: published - {first} <= ranked(heard_by(members)), "each that stands found its counterparts")
        events = heard_by(members)
        assert max(Counter(event["id"] for event in members[0].feed()).values()) == 1
        told = Counter((event["subject"], one) for event in events if is_match(event) for one in event["data"]["told"])
        assert max(told.values()) == 1, "a side was told of a pair twice"
        assert {event["subject"] for event in events if event["type"].endswith("published.v1")} <= stored.keys(), "an event of nothing"


def heard_by(members: list[Member]) -> list[Json]:
    """Each event that any of them hears of, once."""
    return list({event["id"]: event for member in members for event in member.feed()}.values())


def is_match(event: Json) -> bool:
    return bool(event["type"] == "pe.ayni.match.proposed.v1")


def ranked(events: list[Json]) -> set[str]:
    """The listings whose publication has told of matches, of all that it found."""
    rankings = Counter((cause["listing_id"], cause["count"]) for event in events if is_match(event) for cause in (event["data"]["cause"],))
    return {listing for (listing, count), heard in rankings.items() if heard == count}


def everything(member: Member, path: str) -> list[dict[str, str]]:
    items: list[dict[str, str]] = []
    after: dict[str, str] = {}
    while True:
        page = member.get(path, limit=100, **after)
        items += page["items"]
        if page["next"] is None:
            return items
        after = {"after": page["next"]}
