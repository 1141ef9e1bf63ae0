"""My preferences: language, channels for each kind of notice, the hour of the digest."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from contracts.notifications import Preferences
from kit.database import Sessions
from kit.identity import Caller, caller_of
from services.notifications.calls import Listings
from services.notifications.schemas import PreferencesChoice
from services.notifications.service.preferences import choose, person_of, preferences_of
from services.notifications.settings import NotificationsSettings

router = APIRouter(tags=["notices"])


async def _caller(request: Request) -> Caller:
    """Raises 401 for nobody and 403 for a key, before anything is looked at."""
    caller = caller_of(request)
    person_of(caller)
    return caller


async def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


async def _listings(request: Request) -> Listings:
    listings: Listings = request.app.state.listings
    return listings


async def _settings(request: Request) -> NotificationsSettings:
    settings: NotificationsSettings = request.app.state.settings
    return settings


Somebody = Annotated[Caller, Depends(_caller)]
TheSessions = Annotated[Sessions, Depends(_sessions)]
TheListings = Annotated[Listings, Depends(_listings)]
TheSettings = Annotated[NotificationsSettings, Depends(_settings)]


@router.get("/v1/preferences", summary="How I want to hear of things")
async def read_preferences(caller: Somebody, sessions: TheSessions, listings: TheListings, settings: TheSettings) -> Preferences:
    """Every kind of notice with its channels. They are a person's: an API key gets 403."""
    person = await listings.person(caller.organisation_id, person_of(caller))
    async with sessions() as session:
        return await preferences_of(session, person, settings.digest_hour)


@router.put("/v1/preferences", summary="Choose how I want to hear of things")
async def put_preferences(
    choice: PreferencesChoice, caller: Somebody, sessions: TheSessions, listings: TheListings, settings: TheSettings
) -> Preferences:
    """Replaces all that was chosen before. A kind with no channel (`[]`) is not told at all; one that is left out, over every channel.

    `digest_hour` is of the day in my country; left out, it stays as it is."""
    person = await listings.person(caller.organisation_id, person_of(caller))
    if choice.language != person.language:
        await listings.choose_language(person.person_id, choice.language)
    chosen = person.model_copy(update={"language": choice.language})
    async with sessions.begin() as session:
        await choose(session, chosen, choice)
        return await preferences_of(session, chosen, settings.digest_hour)
