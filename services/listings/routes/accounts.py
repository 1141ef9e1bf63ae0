"""Joining, sessions and keys. Their answers are secrets, so no `Idempotency-Key` keeps them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from contracts.listings import Addressee
from kit.identity import INTERNAL_ONLY, SESSION_ID, Caller, caller_of
from kit.pagination import After, Limit, Page, cursor, read_id_cursor
from kit.web import Now, SecretUnitOfWork, Session
from services.listings.account import ApiKey
from services.listings.organisation import Person as PersonRow
from services.listings.organisation import shown_organisation
from services.listings.repository import deals as deals_repository
from services.listings.repository import organisations as repository
from services.listings.routes.state import Person, TheSessions, TheTokens
from services.listings.schemas import (
    AddressQuery,
    ContactQuery,
    Credentials,
    Joined,
    Joining,
    KeyDraft,
    KeyMade,
    KeyQuery,
    KeyShown,
    Me,
    PersonShown,
    Renewal,
    SessionToken,
    Speech,
)
from services.listings.service import accounts

entrance = APIRouter(tags=["joining"])
router = APIRouter(tags=["joining"], route_class=SecretUnitOfWork)
internal = APIRouter(prefix="/internal", include_in_schema=False, dependencies=[INTERNAL_ONLY], route_class=SecretUnitOfWork)


@entrance.post("/v1/organisations", status_code=201)
async def join(joining: Joining, sessions: TheSessions, tokens: TheTokens, now: Now) -> Joined:
    """Join with a tax id, a site and a person, who is signed in at once. A tax id joins once."""
    return await accounts.join(sessions, tokens, joining, now)


@entrance.post("/v1/sessions")
async def sign_in(credentials: Credentials, sessions: TheSessions, tokens: TheTokens, now: Now) -> SessionToken:
    """Sign in; use the token as `Authorization: Bearer` for 15 minutes."""
    return await accounts.sign_in(sessions, tokens, credentials, now)


@entrance.post("/v1/sessions/refresh")
async def renew(renewal: Renewal, sessions: TheSessions, tokens: TheTokens, now: Now) -> SessionToken:
    """A new pair of tokens. Each refresh token renews once."""
    return await accounts.renew_session(sessions, tokens, renewal.refresh_token, now)


@router.delete("/v1/sessions/current", status_code=204)
async def sign_out(
    caller: Person, session: Session, now: Now, session_id: Annotated[UUID | None, Header(alias=SESSION_ID, include_in_schema=False)] = None
) -> None:
    """Sign out on this device."""
    if session_id is not None:
        await accounts.sign_out(session, session_id, now)


@router.get("/v1/me")
async def me(request: Request, session: Session) -> Me:
    """Who I am: my organisation with its sites and licences, the person, and what this session or key may do."""
    caller = caller_of(request)
    organisation = await repository.organisation_of(session, caller.organisation_id)
    sites, licences = await repository.sites_of(session, organisation.id), await repository.licences_of(session, organisation.id)
    person = None if caller.person_id is None else await _person(session, caller)
    shown = shown_organisation(organisation, sites, licences)
    return Me(organisation=shown, person=person, scopes=tuple(sorted(caller.scopes - {"session"})))


async def _person(session: AsyncSession, caller: Caller) -> PersonShown:
    return PersonShown.model_validate(await session.get_one(PersonRow, caller.person_id), from_attributes=True)


@router.post("/v1/api-keys", status_code=201)
async def make_key(draft: KeyDraft, caller: Person, session: Session, now: Now) -> KeyMade:
    """A key for a machine; it is shown this once. Use it as `X-API-Key`."""
    made, secret = await accounts.make_key(session, caller.organisation_id, draft, now)
    return KeyMade(**_shown(made).model_dump(), key=secret)


@router.get("/v1/api-keys")
async def my_keys(caller: Person, session: Session, limit: Limit = 20, after: After = None) -> Page[KeyShown]:
    """My organisation's keys, newest first, without their secrets."""
    statement = select(ApiKey).where(ApiKey.organisation_id == caller.organisation_id).order_by(col(ApiKey.id).desc()).limit(limit + 1)
    if (last := read_id_cursor("api-keys", after)) is not None:
        statement = statement.where(col(ApiKey.id) < last)
    keys = list((await session.execute(statement)).scalars())
    following = cursor("api-keys", str(keys[limit - 1].id)) if len(keys) > limit else None
    return Page(items=[_shown(key) for key in keys[:limit]], next=following)


@router.delete("/v1/api-keys/{key_id}", status_code=204)
async def drop_key(key_id: UUID, caller: Person, session: Session) -> None:
    """Take a key back: it is refused from now on."""
    await accounts.drop_key(session, caller.organisation_id, key_id)


def _shown(key: ApiKey) -> KeyShown:
    return KeyShown.model_validate(key, from_attributes=True)


@internal.post("/api-keys/verify")
async def verify_key(query: KeyQuery, session: Session, now: Now) -> dict[str, object]:
    """For the gateway: whose key this is, and what it may do."""
    found = await accounts.verify_key(session, bytes.fromhex(query.key_hash), now)
    return {"organisation_id": str(found.organisation_id), "scopes": found.scopes}


@internal.post("/contacts")
async def contacts(query: ContactQuery, session: Session) -> dict[str, dict[str, dict[str, str]]]:
    """For the gateway: whom to call on the other side of these agreed deals."""
    deals = await deals_repository.agreed_deals(session, query.organisation_id, query.deal_ids)
    others = {deal.id: deal.seeker_id if deal.holder_id == query.organisation_id else deal.holder_id for deal in deals}
    found = await accounts.contacts(session, others)
    return {"contacts": {str(deal): contact for deal, contact in found.items()}}


@internal.post("/addresses")
async def addresses(query: AddressQuery, session: Session) -> dict[str, list[Addressee]]:
    """For notifications: where to reach the people of these organisations, and in which language."""
    return {"people": await accounts.addressees(session, query.organisation_ids)}


@internal.put("/people/{person_id}/language", status_code=204)
async def choose_language(person_id: UUID, speech: Speech, session: Session) -> None:
    """For notifications: a person has chosen a language among their preferences."""
    await accounts.choose_language(session, person_id, speech.language)
