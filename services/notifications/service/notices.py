"""Events and notices: takes events into the feed, writes the notices that follow, marks them as read.

Load-bearing: what is told of a match is no state that a later event replaces; so a telling that comes late still becomes its notice,
while a late event of a deal says what is no longer so, and is let pass (invariant 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contracts import notifications as public
from contracts.catalogue import Catalogue
from contracts.matching import Cause, MatchFact
from kit.identity import Caller
from kit.ids import new_id
from kit.problems import NotFound
from services.notifications import texts
from services.notifications.feed import Entry
from services.notifications.notice import Notice
from services.notifications.repository import feed, notices
from services.notifications.repository.feed import Connection, Known
from services.notifications.repository.notices import Gathered


class UnknownNotice(NotFound):
    slug, title = "unknown-notice", "There is no such notice"


@dataclass(frozen=True, slots=True)
class Sorted:
    """New entries; and entries that were never stored but whose subject has gone on since."""

    new: tuple[Entry, ...]
    late: tuple[Entry, ...]


def sort_out(entries: Sequence[Entry], known: Known) -> Sorted:
    """By event id, then by version, in the order in which they came."""
    seen, versions = set(known.event_ids), dict(known.versions)
    new: list[Entry] = []
    late: list[Entry] = []
    for entry in entries:
        if entry.event_id in seen:
            continue
        seen.add(entry.event_id)
        if entry.subject in versions and entry.version <= versions[entry.subject]:
            late.append(entry)
            continue
        versions[entry.subject] = entry.version
        new.append(entry)
    return Sorted(tuple(new), tuple(late))


async def take_into_feed(connection: Connection, entries: Sequence[Entry], now: datetime) -> Sorted:
    """Stores what is new. From here to the commit no other batch is taken."""
    head = await feed.lock_head(connection)
    found = sort_out(entries, await feed.known_of(connection, entries))
    await feed.append(connection, head, found.new, now)
    return found


def new_notice(
    kind: public.NoticeKind, organisation_id: UUID, subject: public.Subject, version: int, text: public.NoticeText, now: datetime
) -> Notice:
    """A notice to the people of one organisation."""
    return Notice(
        id=new_id(),
        organisation_id=organisation_id,
        kind=kind,
        subject_type=subject.type,
        subject_id=subject.id,
        version=version,
        text_es=text.es,
        text_en=text.en,
        created_at=now,
    )


async def gather_tellings(connection: Connection, matches: Sequence[MatchFact], catalogue: Catalogue, now: datetime) -> list[Notice]:
    """Keeps what was told of some rankings; gives the notices of their causes of which all is in. Raises ValueError without a cause."""
    if not matches:
        return []
    rankings = {notices.key_of(cause_of(match)): match for match in matches}
    gathered = await notices.gather(connection, [(cause_of(match), _gathered(match)) for match in matches], now)
    made = [listing_notice(match, gathered[key], catalogue, now) for key, match in rankings.items()]
    return [notice for notice in made if notice is not None]


def _gathered(match: MatchFact) -> Gathered:
    counterpart = match.want_id if causing_side(match) == "offer" else match.offer_id
    return Gathered(match.id, counterpart, holder_of(match, causing_side(match)) in match.told, pair_of(match))


def listing_notice(match: MatchFact, gathered: Sequence[Gathered], catalogue: Catalogue, now: datetime) -> Notice | None:
    """`listing.matched` to the holder of the cause (matching.md, section 5), by any match of the ranking and all that is gathered of it.

    None while events are missing, or where none told the holder.
    """
    cause, side = cause_of(match), causing_side(match)
    told = sorted((each for each in gathered if each.is_told), key=_rank)
    if len(gathered) < cause.count or not told:
        return None
    text = texts.listing_matched(side, len(told), told[0].pair, catalogue)
    subject = public.Subject(type=side, id=str(cause.listing_id))
    notice = new_notice("listing.matched", holder_of(match, side), subject, cause.version, text, now)
    notice.partition, notice.matches = cause.partition, [each.match_id for each in told]
    return notice


def _rank(gathered: Gathered) -> tuple[float, float, UUID]:
    """Best first; ties as matching.md (section 3) breaks them."""
    return (-round(gathered.pair.score, 10), round(gathered.pair.distance_km, 6), gathered.counterpart_id)


def pair_of(match: MatchFact) -> texts.Pair:
    """What a sentence says of it."""
    return texts.Pair(match.material, match.quantity_kg, match.distance_km, match.score)


def cause_of(match: MatchFact) -> Cause:
    """Of a proposed match. Raises ValueError where there is none."""
    if match.cause is None:
        raise ValueError(f"the proposal of {match.id} names no cause")
    return match.cause


def causing_side(match: MatchFact) -> texts.Side:
    """Which side of a proposed match caused it. Raises ValueError where it is neither."""
    cause = cause_of(match)
    if cause.listing_id == match.offer_id:
        return "offer"
    if cause.listing_id == match.want_id:
        return "want"
    raise ValueError(f"the cause {cause.listing_id} is no side of the match {match.id}")


def holder_of(match: MatchFact, side: texts.Side) -> UUID:
    """Whose listing is on that side."""
    return match.parties[0] if side == "offer" else match.parties[1]


async def read_notice(session: AsyncSession, caller: Caller, notice_id: UUID, now: datetime) -> public.Notice:
    """Marks a notice as read by this reader. Raises 404 for another's."""
    notice = await notices.my_notice(session, caller.organisation_id, notice_id)
    if notice is None:
        raise UnknownNotice("you have no notice of this id")
    return notice.shown(await notices.keep_read(session, notice.read(reader_of(caller), now)))


def reader_of(caller: Caller) -> UUID:
    """The person; a key without one reads as its organisation."""
    return caller.person_id or caller.organisation_id
