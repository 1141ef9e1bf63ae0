"""What must hold afterwards (docs/invariants.md), read from raw tables, topics and the public API by code that shares nothing with ours.

Each check gives the sentences that say what is wrong; none is well.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TypeAlias

import asyncpg

from tests.chaos.load import Firm, Journal, Json, Load
from tests.chaos.market import score

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
NEAR = 1e-9
TOLD_FROM = 0.5
SHOWN = 5


class Findings:
    """Faults by invariant, with the first few of each in words."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.words: dict[str, list[str]] = defaultdict(list)

    def add(self, invariant: str, what: str) -> None:
        self.counts[invariant] += 1
        if len(self.words[invariant]) < SHOWN:
            self.words[invariant].append(what)


_IMPORTED = """
    select tax_id, 'offers' as side, external_id from listings.offers join listings.organisations o on o.id = organisation_id
    union all
    select tax_id, 'wants', external_id from listings.wants join listings.organisations o on o.id = organisation_id
"""
_LISTINGS_NOW = """
    create or replace temporary view listings_now as
    select id, version, state, partitions from listings.offers
    union all select id, version, state, partitions from listings.wants
"""
_NOT_IN_THE_FEED = """
    select key, headers ->> 'ce_type' as type from (select * from listings.outbox union all select * from matching.outbox) said
    where not exists (select from notifications.feed f where f.event_id = said.event_id)
"""
_NEVER_SAID = """
    select id, version from listings_now where state <> 'draft' and not exists (
        select from listings.outbox where key = listings_now.id::text and (headers ->> 'ce_ayniversion')::int = listings_now.version)
"""
_HEARD_OTHERWISE = """
    select l.id, l.version, s.version as heard from listings_now l cross join unnest(l.partitions) p
    left join matching.standing s on s.listing_id = l.id and s.partition = p
    where l.state <> 'draft' and s.version is distinct from l.version
"""
_SAME_LINE = """
    select organisation_id, external_id, count(*) from
        (select organisation_id, external_id, 'offer' as side from listings.offers
         union all select organisation_id, external_id, 'want' from listings.wants) l
    where external_id is not null group by organisation_id, external_id, side having count(*) > 1
"""
_SAME_NOTICE = """
    select organisation_id, kind, subject_id, count(*) from notifications.notices
    group by organisation_id, kind, subject_id, version, partition having count(*) > 1
"""
_SAME_EVENT = "select event_id, count(*) from notifications.feed group by 1 having count(*) > 1"
_TOLD = "select subject, audience from notifications.feed where type = 'pe.ayni.match.proposed.v1'"
_RECORDED_NOWHERE = """
    select type, subject from notifications.feed f
    where not exists (select from listings.outbox where event_id = f.event_id)
      and not exists (select from matching.outbox where event_id = f.event_id)
"""
_OF_NOTHING = """
    select distinct key from listings.outbox where not exists (select from listings.offers where id::text = key)
      and not exists (select from listings.wants where id::text = key) and not exists (select from listings.deals where id::text = key)
"""
_TOLD_UNSAID = """
    select offer_id, want_id from matching.told_pairs
    where not exists (select from matching.outbox where key = offer_id || '.' || want_id)
"""
_OUT_OF_ORDER = """
    select subject, version, before from
        (select subject, version, lag(version) over (partition by subject order by position) as before
         from notifications.feed where type not like 'pe.ayni.match.%') f
    where version <= before
"""
_OFFERS_TAKEN = """
    select l.id, taken_kg as taken, quantity_kg as whole, coalesce(d.agreed, 0) as agreed from listings.offers l left join
        (select offer_id as id, sum(offer_less_kg) as agreed from listings.deals where state = 'agreed' group by 1) d using (id)
    where taken_kg <> coalesce(d.agreed, 0) or taken_kg > quantity_kg or taken_kg < 0
"""
_WANTS_AGREED = """
    select l.id, agreed_kg as taken, maximum_kg as whole, coalesce(d.agreed, 0) as agreed from listings.wants l left join
        (select want_id as id, sum(want_more_kg) as agreed from listings.deals where state = 'agreed' group by 1) d using (id)
    where agreed_kg <> coalesce(d.agreed, 0) or agreed_kg > maximum_kg or agreed_kg < 0
"""


async def check_nothing_lost(connection: Connection, journal: Journal, found: Findings) -> None:
    """Invariant 1: what was acknowledged stands; what stands was told; every event that was recorded has come into the feed."""
    stored = {(row["tax_id"], row["side"], row["external_id"]) for row in await connection.fetch(_IMPORTED)}
    for key in journal.imported.keys() - stored:
        found.add("lost", f"an imported line that was acknowledged is not stored: {key}")
    await connection.execute(_LISTINGS_NOW)
    ids = {str(row["id"]) for row in await connection.fetch("select id from listings_now")}
    for id in journal.listings.keys() - ids:
        found.add("lost", f"a listing that was acknowledged is not stored: {id}")
    for row in await connection.fetch(_NOT_IN_THE_FEED):
        found.add("lost", f"{row['type']} of {row['key']} has never come into the feed")
    for row in await connection.fetch(_NEVER_SAID):
        found.add("lost", f"version {row['version']} of listing {row['id']} was never said")
    for row in await connection.fetch(_HEARD_OTHERWISE):
        found.add("lost", f"matching heard version {row['heard']} of listing {row['id']}, which is at {row['version']}")


async def check_nothing_doubled(connection: Connection, journal: Journal, found: Findings) -> None:
    """Invariant 2: an import that was repeated made each line once; a side is told of a pair once; a notice exists once."""
    for row in await connection.fetch(_SAME_LINE):
        found.add("doubled", f"{row['count']} listings of {row['organisation_id']} are {row['external_id']}")
    told: Counter[tuple[str, str]] = Counter()
    for row in await connection.fetch(_TOLD):
        told.update((row["subject"], str(side)) for side in row["audience"])
    for (match, side), times in told.items():
        if times > 1:
            found.add("doubled", f"{side} was told {times} times of {match}")
    for row in await connection.fetch(_SAME_NOTICE):
        found.add("doubled", f"{row['count']} notices {row['kind']} of {row['subject_id']} to {row['organisation_id']}")
    for row in await connection.fetch(_SAME_EVENT):
        found.add("doubled", f"event {row['event_id']} is {row['count']} times in the feed")
    for id, times in Counter(event["id"] for event in journal.read).items():
        if times > 1:
            found.add("doubled", f"a reader of the feed was given event {id} {times} times")


async def check_no_phantoms(connection: Connection, found: Findings) -> None:
    """Nothing without cause: what the feed tells was recorded with a fact; what was said of a listing is of one that is there."""
    for row in await connection.fetch(_RECORDED_NOWHERE):
        found.add("phantom", f"{row['type']} of {row['subject']} was recorded nowhere")
    for row in await connection.fetch(_OF_NOTHING):
        found.add("phantom", f"events of {row['key']}, which does not exist")
    for row in await connection.fetch(_TOLD_UNSAID):
        found.add("phantom", f"the pair {row['offer_id']}.{row['want_id']} counts as told and was not said")


async def check_order(connection: Connection, found: Findings) -> None:
    """Invariant 3: of one subject, versions grow along the feed."""
    for row in await connection.fetch(_OUT_OF_ORDER):
        found.add("order", f"{row['subject']}: version {row['version']} was told after {row['before']}")


async def check_quantities(connection: Connection, journal: Journal, found: Findings) -> None:
    """Invariant 5: what the agreed deals take is what the listings say was taken, and no more than there was."""
    for query in (_OFFERS_TAKEN, _WANTS_AGREED):
        for row in await connection.fetch(query):
            found.add("quantity", f"{row['id']}: {row['taken']} kg taken of {row['whole']}, {row['agreed']} kg agreed")
    deals = await connection.fetch("select offer_id, want_id from listings.deals where state = 'agreed'")
    agreed = {f"{row['offer_id']}.{row['want_id']}" for row in deals}
    for match in journal.agreed - agreed:
        found.add("lost", f"an agreement that was acknowledged does not stand: {match}")


async def check_reader(connection: Connection, journal: Journal, found: Findings) -> None:
    """What a reader by pages was given, all through the trouble, is the public feed up to there: nothing left out, in the same order."""
    if not journal.read:
        found.add("reader", "nobody read anything")
        return
    rows = await connection.fetch("select event_id, audience from notifications.feed order by position")
    position = {str(row["event_id"]): place for place, row in enumerate(rows)}
    read = [event["id"] for event in journal.read]
    if unknown := [id for id in read if id not in position]:
        found.add("reader", f"{len(unknown)} events that are not in the feed, {unknown[0]} among them")
        return
    places = [position[id] for id in read]
    if places != sorted(places):
        found.add("reader", "the order of the pages is not that of the feed")
    public = [str(row["event_id"]) for row in rows[: places[-1] + 1] if row["audience"] is None]
    if missing := set(public) - set(read):
        found.add("reader", f"{len(missing)} public events were left out, {min(missing)} among them")


async def check_told(connection: Connection, load: Load, standing: Mapping[str, Json], found: Findings) -> None:
    """Invariant 4, telling: in a cell where nothing changed, every pair of 0.5 or more was told to both of its sides."""
    told: dict[str, set[str]] = defaultdict(set)
    for row in await connection.fetch(_TOLD):
        told[row["subject"]] |= {str(side) for side in row["audience"]}
    for offer, want, value in pairs_of(load, standing, set(load.quiet)):
        id, sides = f"{offer['id']}.{want['id']}", {offer["organisation_id"], want["organisation_id"]}
        if value > TOLD_FROM + NEAR and told[id] != sides:
            found.add("missed", f"{id} scores {value:.6f} and was told to {len(told[id])} of 2 sides")
        if value < TOLD_FROM - NEAR and told[id]:
            found.add("told_below", f"{id} scores {value:.6f} and was told")


def pairs_of(load: Load, standing: Mapping[str, Json], codes: set[str]) -> list[tuple[Json, Json, float]]:
    """The pairs of standing listings of these materials that every gate lets through, with their score."""
    cells: dict[tuple[str, float, float], tuple[list[Json], list[Json]]] = defaultdict(lambda: ([], []))
    for one in standing.values():
        code = one["material"] if "material" in one else one["accepts"][0]["material"]
        if code in codes:
            cell = (code, one["place"]["latitude"], one["place"]["longitude"])
            cells[cell][0 if "material" in one else 1].append(one)
    scored = (
        (offer, want, score(offer, want, float(load.materials[code]["half_distance_km"])))
        for (code, _, _), (offers, wants) in cells.items()
        for offer in offers
        for want in wants
    )
    return [(offer, want, value) for offer, want, value in scored if value is not None]


async def standing_listings(load: Load) -> dict[str, Json]:
    """All published listings, as their owners are given them, by id."""
    found: dict[str, Json] = {}
    for corner in load.corners:
        for firm, path in ((corner.holder, "/v1/offers"), (corner.seeker, "/v1/wants")):
            found |= {one["id"]: one for one in await firm.everything(path, state="published")}
    return found


async def check_lists(load: Load, standing: Mapping[str, Json], found: Findings, sample: int = 400) -> int:
    """Invariant 4, lists: what a listing's list shows is every pair that passes, with its score, best first. Gives how many were read."""
    expected: dict[str, dict[str, float]] = {id: {} for id in standing}
    for offer, want, value in pairs_of(load, standing, set(load.materials)):
        expected[offer["id"]][f"{offer['id']}.{want['id']}"] = value
        expected[want["id"]][f"{offer['id']}.{want['id']}"] = value
    owners = {firm.id: firm for corner in load.corners for firm in (corner.holder, corner.seeker)}
    chosen = load.random.sample(sorted(standing), min(sample, len(standing)))
    turns = asyncio.Semaphore(8)

    async def look(id: str) -> None:
        async with turns:
            side, owner = "offer" if "material" in standing[id] else "want", owners[standing[id]["organisation_id"]]
            try:
                shown = await owner.everything("/v1/matches", **{side: id})
                answered = await _answered(owner, side, id)
            except AssertionError as error:
                found.add("unanswered", f"the list of {side} {id}: {error}")
                return
        open_ones = [one for one in shown if one["state"] in ("proposed", "offered")]
        answered |= {one["id"] for one in shown}
        for match in expected[id].keys() - answered:
            found.add("missed", f"{match} is not in the list of {side} {id}")
        for match in open_ones:
            if abs(match["score"] - expected[id].get(match["id"], -1)) > NEAR:
                found.add("wrong", f"{match['id']} is listed with {match['score']}, and not {expected[id].get(match['id'])}")
        if [one["score"] for one in open_ones] != sorted((one["score"] for one in open_ones), reverse=True):
            found.add("wrong", f"the list of {side} {id} is not best first")

    await asyncio.gather(*(look(id) for id in chosen))
    return len(chosen)


async def _answered(firm: Firm, side: str, id: str) -> set[str]:
    """Pairs that stand under their answer alone."""
    found: set[str] = set()
    for state in ("agreed", "declined", "released"):
        found |= {one["id"] for one in await firm.everything("/v1/matches", **{side: id, "state": state})}
    return found


def check_dead_letters(buried: Counter[str], poisoned: set[str], offered: set[str], found: Findings) -> None:
    """Invariant 7: every poison that the broker took is among the dead letters of those that read its topic, and nothing else is; a broker
    that was killed before it could say so may have taken what was offered."""
    for key in poisoned - buried.keys():
        found.add("poison", f"{key} is not among the dead letters")
    for key in buried.keys() - offered:
        found.add("poison", f"{key} is among the dead letters and was no poison")
