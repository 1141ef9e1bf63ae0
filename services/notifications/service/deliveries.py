"""Who hears of a notice by mail: at once or in the day's digest; and what becomes of each mail.

Load-bearing: a notice is addressed once, under its lock, in the transaction that makes its deliveries; and (person, notice, channel) is the
key of what is told. So whatever is redelivered, restarted or done by two at once, nobody is written to twice of the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.countries import Country
from contracts.listings import Addressee
from kit.ids import new_id
from services.notifications.delivery import Delivery
from services.notifications.digest import ONE_DAY, digest_moment, first_digest_day, is_urgent, land_of, pause_before
from services.notifications.letter import SHOWN_IN_A_DIGEST, Letter, digest_of, letter_of
from services.notifications.links import DIGEST, Keeping, Links, Side, Unsubscription
from services.notifications.mail import AddressError, Envelope, Mail, written
from services.notifications.mailer import MailError, RefusedError, UnreachableError, UnsureError
from services.notifications.notice import Notice
from services.notifications.preference import EMAIL
from services.notifications.repository import deliveries, preferences
from services.notifications.settings import NotificationsSettings

LONGEST_UNREACHABLE_SECONDS = 300.0  # the server's return is not to be missed for hours; mails are tried a few at a time meanwhile


async def address_notices(
    session: AsyncSession, notices: Sequence[Notice], people: Sequence[Addressee], settings: NotificationsSettings, now: datetime
) -> None:
    """Makes the deliveries of these notices, locked by this transaction, to the people of their organisations."""
    ids = [person.person_id for person in people]
    refused, hours = await preferences.refused_of(session, ids), await preferences.hours_of(session, ids)
    told = await deliveries.already_told(session, [notice.id for notice in notices])
    for person in sorted(people, key=lambda person: person.person_id):  # everybody locks people's days in this order
        wanted = [
            notice
            for notice in notices
            if notice.organisation_id == person.organisation_id
            and (notice.kind, EMAIL) not in refused[person.person_id]
            and (person.person_id, notice.id) not in told
        ]
        await _tell(session, person, wanted, hours.get(person.person_id, settings.digest_hour), settings.instants_a_day, now)
    for notice in notices:
        notice.address(now)


async def _tell(session: AsyncSession, person: Addressee, notices: Sequence[Notice], hour: int, instants_a_day: int, now: datetime) -> None:
    land = land_of(person.country)
    today = land.today(now)
    others = [notice for notice in notices if not is_urgent(notice.kind)]
    places = await deliveries.take_places(session, person.person_id, today, len(others), instants_a_day)
    at_once = {notice.id for notice in others[:places]}
    for notice in notices:
        if is_urgent(notice.kind) or notice.id in at_once:
            made = Delivery(
                id=new_id(),
                person_id=person.person_id,
                organisation_id=person.organisation_id,
                counted_on=None if is_urgent(notice.kind) else today,
                due_at=now,
                next_attempt_at=now,
            )
            session.add(made)
            await session.flush()
            await deliveries.put(session, made.id, person.person_id, [notice])
    if rest := others[places:]:
        digest_id = await _digest(session, person, hour, land, now)
        await deliveries.put(session, digest_id, person.person_id, rest)


async def _digest(session: AsyncSession, person: Addressee, hour: int, land: Country, now: datetime) -> UUID:
    """The first digest that has not begun to go out."""
    day = first_digest_day(now, hour, land)
    while True:
        moment = digest_moment(day, hour, land)
        found = await deliveries.open_digest(session, person.person_id, person.organisation_id, day, moment)
        if found is not None:
            return found
        day += ONE_DAY


async def claim_due(session: AsyncSession, now: datetime, lease: timedelta, limit: int) -> list[Delivery]:
    """What is due now, ours as soon as this transaction has committed."""
    found = await deliveries.due(session, now, limit)
    for delivery in found:
        delivery.claim(now, lease)
    return found


async def prepare(
    session: AsyncSession, claimed: Delivery, person: Addressee | None, links: Links, settings: NotificationsSettings, now: datetime
) -> Mail | None:
    """The mail of a claimed delivery. None where there is nothing to hand over: why, is written; and where its lease has run out."""
    delivery, attempt = await deliveries.locked(session, claimed.id), claimed.attempts
    if not delivery.is_held(attempt, now):
        return None
    if person is None:
        delivery.drop(attempt, "the person is there no more", now)
        return None
    refused = (await preferences.refused_of(session, [person.person_id]))[person.person_id]
    without = [kind for kind, channel in refused if channel == EMAIL]
    notices, count = await deliveries.told_by(session, delivery.id, without, SHOWN_IN_A_DIGEST)
    if not notices:
        delivery.drop(attempt, "its reader wants no such mails", now)
        return None
    if not await _has_a_place(session, delivery, attempt, person, settings, now):
        return None
    try:
        return _mail(delivery, person, notices, count, links, settings)
    except AddressError as error:
        delivery.bounce(attempt, f"the address {error}", now)
        return None


async def _has_a_place(
    session: AsyncSession, delivery: Delivery, attempt: int, person: Addressee, settings: NotificationsSettings, now: datetime
) -> bool:
    """Whether it may go out today. What waited for the mail server into another day takes a place of that day, or goes into the digest;
    but not where it may have arrived: told in a digest, it would be told twice."""
    land = land_of(person.country)
    today = land.today(now)
    if delivery.counted_on is None or delivery.counted_on >= today or delivery.may_have_arrived:
        return True
    if await deliveries.take_places(session, person.person_id, today, 1, settings.instants_a_day):
        delivery.move(attempt, today)
        return True
    hour = (await preferences.hours_of(session, [person.person_id])).get(person.person_id, settings.digest_hour)
    await deliveries.move_items(session, delivery.id, await _digest(session, person, hour, land, now))
    delivery.drop(attempt, "it waited into a day that was full, and went into the digest", now)
    return False


def _mail(
    delivery: Delivery, person: Addressee, notices: Sequence[Notice], count: int, links: Links, settings: NotificationsSettings
) -> Mail:
    letter, topic, what = _letter(delivery, person, notices, count, links)
    envelope = Envelope(
        message_id=f"{what}.{person.person_id}",
        sender=settings.mail_from,
        name=person.name,
        email=person.email,
        unsubscribe_url=links.unsubscribe(Unsubscription(person.person_id, topic, person.language)),
        at=delivery.due_at,
    )
    return written(letter, envelope)


def _letter(delivery: Delivery, person: Addressee, notices: Sequence[Notice], count: int, links: Links) -> tuple[Letter, str, str]:
    """What it says, what its link ends, and what names it for ever."""
    answers = {notice.id: links.keep(keeping) for notice in notices if (keeping := _keeping(notice, person)) is not None}
    if delivery.digest_day is not None:
        return digest_of(notices, count, person, answers, links.public_url), DIGEST, f"{DIGEST}.{delivery.digest_day}"
    notice = notices[0]
    return letter_of(notice, person, answers, links.public_url), notice.kind, str(notice.id)


def _keeping(notice: Notice, person: Addressee) -> Keeping | None:
    """The answer to a notice that asks whether a listing still stands."""
    if notice.kind != "listing.lapsing":
        return None
    side: Side = "offer" if notice.subject_type == "offer" else "want"
    return Keeping(person.person_id, notice.organisation_id, side, UUID(notice.subject_id), person.language)


async def settle(session: AsyncSession, claimed: Delivery, error: MailError | None, settings: NotificationsSettings, now: datetime) -> str:
    """Writes what became of an attempt; the state that the delivery is in now."""
    delivery, attempt = await deliveries.locked(session, claimed.id), claimed.attempts
    if error is None:
        delivery.arrive(now)
    elif isinstance(error, RefusedError):
        delivery.bounce(attempt, str(error), now)
    else:
        longest = settings.mail_retry_longest_seconds
        longest = min(longest, LONGEST_UNREACHABLE_SECONDS) if isinstance(error, UnreachableError) else longest
        pause = pause_before(attempt, settings.mail_retry_seconds, longest)
        delivery.defer(attempt, str(error), now, pause, settings.mail_patience, is_unsure=isinstance(error, UnsureError))
    return delivery.state
