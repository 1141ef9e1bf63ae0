"""What notifications does: takes events into the feed, writes the notices that follow, marks them as read.

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


@dataclass(frozen=True, slots=True)
class Moment:
    """What a reaction works with: its batch's transaction, the catalogue, and the time."""

    connection: Connection
    catalogue: Catalogue
    now: datetime


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


async def tell(
    moment: Moment,
    kind: public.NoticeKind,
    organisation_id: UUID,
    subject: public.Subject,
    version: int,
    text: public.NoticeText,
) -> None:
    """One notice to the people of one organisation."""
    await notices.store_notice(moment.connection, _notice(moment, kind, organisation_id, subject, version, text))


def _notice(
    moment: Moment,
    kind: public.NoticeKind,
    organisation_id: UUID,
    subject: public.Subject,
    version: int,
    text: public.NoticeText,
) -> Notice:
    return Notice(
        id=new_id(),
        organisation_id=organisation_id,
        kind=kind,
        subject_type=subject.type,
        subject_id=subject.id,
        version=version,
        text_es=text.es,
        text_en=text.en,
        created_at=moment.now,
    )


async def gather_telling(moment: Moment, match: MatchFact, cause: Cause, holder: UUID) -> None:
    """Keeps what was told of a ranking, and writes `listing.matched` when all of it is in (matching.md, section 5)."""
    side = side_of(match, cause)
    counterpart = match.want_id if side == "offer" else match.offer_id
    one = Gathered(match.id, counterpart, holder in match.told, pair_of(match))
    gathered = await notices.gather(moment.connection, cause, one, moment.now)
    told = sorted((each for each in gathered if each.is_told), key=_rank)
    if len(gathered) < cause.count or not told:
        return
    text = texts.listing_matched(side, len(told), told[0].pair, moment.catalogue)
    subject = public.Subject(type=side, id=str(cause.listing_id))
    notice = _notice(moment, "listing.matched", holder, subject, cause.version, text)
    notice.partition, notice.matches = cause.partition, [each.match_id for each in told]
    await notices.store_notice(moment.connection, notice)


def _rank(gathered: Gathered) -> tuple[float, float, UUID]:
    """Best first; ties as matching.md (section 3) breaks them."""
    return (-round(gathered.pair.score, 10), round(gathered.pair.distance_km, 6), gathered.counterpart_id)


def pair_of(match: MatchFact) -> texts.Pair:
    """What a sentence says of it."""
    return texts.Pair(match.material, match.quantity_kg, match.distance_km, match.score)


def side_of(match: MatchFact, cause: Cause) -> texts.Side:
    """Which side of the match the cause is. Raises ValueError where it is neither."""
    if cause.listing_id == match.offer_id:
        return "offer"
    if cause.listing_id == match.want_id:
        return "want"
    raise ValueError(f"the cause {cause.listing_id} is no side of the match {match.id}")


async def read_notice(session: AsyncSession, caller: Caller, notice_id: UUID, now: datetime) -> public.Notice:
    """Marks a notice as read by this reader. Raises 404 for another's."""
    notice = await notices.my_notice(session, caller.organisation_id, notice_id)
    if notice is None:
        raise UnknownNotice("you have no notice of this id")
    return notice.shown(await notices.keep_read(session, notice.read(reader_of(caller), now)))


def reader_of(caller: Caller) -> UUID:
    """The person; a key without one reads as its organisation."""
    return caller.person_id or caller.organisation_id
