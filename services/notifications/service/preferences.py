"""What people want to hear of, how and when; and that they no longer want it.

The language goes to listings, which keeps people, before anything is stored here: no network call inside a transaction.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.listings import Addressee
from contracts.notifications import Preferences
from kit.identity import Caller
from kit.problems import Forbidden
from services.notifications.digest import digest_moment, land_of
from services.notifications.links import Unsubscription
from services.notifications.preference import EMAIL, IN_APP, channels_of, refused_by
from services.notifications.repository import deliveries, preferences
from services.notifications.schemas import PreferencesChoice


class NoPerson(Forbidden):
    slug, title = "no-person", "An API key has no person behind it"


def person_of(caller: Caller) -> UUID:
    """Raises 403 for a key: preferences are a person's."""
    if caller.person_id is None:
        raise NoPerson("preferences are a person's, and an API key has none behind it: sign in, and send the session's token")
    return caller.person_id


async def preferences_of(session: AsyncSession, person: Addressee, default_hour: int) -> Preferences:
    """Every kind of notice with its channels."""
    refused = (await preferences.refused_of(session, [person.person_id]))[person.person_id]
    hours = await preferences.hours_of(session, [person.person_id])
    hour = hours.get(person.person_id, default_hour)
    return Preferences(language=person.language, channels=channels_of(refused), digest_hour=hour)


async def choose(session: AsyncSession, person: Addressee, choice: PreferencesChoice) -> None:
    """All that was chosen before is replaced, but for the hour where none is given."""
    await preferences.accept_all(session, person.person_id)
    await preferences.refuse(session, person.person_id, refused_by(choice.channels))
    if choice.digest_hour is not None:
        await preferences.keep_hour(session, person.person_id, choice.digest_hour)
        await _postpone(session, person, choice.digest_hour)


async def _postpone(session: AsyncSession, person: Addressee, hour: int) -> None:
    """Digests that wait come at the new hour of their day."""
    land = land_of(person.country)
    for digest in await deliveries.waiting_digests(session, person.person_id):
        assert digest.digest_day is not None
        digest.postpone(digest_moment(digest.digest_day, hour, land))


async def unsubscribe(session: AsyncSession, wish: Unsubscription) -> None:
    """No more mails of these kinds; harmless when repeated."""
    await preferences.refuse(session, wish.person_id, ((kind, EMAIL) for kind in wish.kinds))


async def hidden_from(session: AsyncSession, caller: Caller) -> frozenset[str]:
    """The kinds of notices that this caller does not want to see in the app; a key sees all."""
    if caller.person_id is None:
        return frozenset()
    refused = (await preferences.refused_of(session, [caller.person_id]))[caller.person_id]
    return frozenset(kind for kind, channel in refused if channel == IN_APP)
