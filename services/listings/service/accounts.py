"""Joining, signing in, renewing, signing out, and keys."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.countries import Country, UnknownCountryError, country
from contracts.listings import Addressee
from contracts.values import Language
from kit.database import Sessions, constraint_of
from kit.ids import new_id
from kit.passwords import hash_password, is_password
from kit.problems import Conflict, FieldError, NotFound, Unauthorised, Unprocessable
from kit.tokens import Tokens
from services.listings.account import KEY_PREFIX, REFRESH_LIFETIME, ApiKey, RefreshSession, hashed, new_secret
from services.listings.organisation import Licence, Organisation, Person, Site, shown_organisation
from services.listings.repository import organisations as repository
from services.listings.schemas import Credentials, Joined, Joining, KeyDraft, LicenceDraft, SessionToken, SiteDraft
from services.listings.service.sites import check_place_code


class AlreadyJoined(Conflict):
    slug, title = "already-joined", "This has joined before"


class WrongCredentials(Unauthorised):
    slug, title = "wrong-credentials", "Not signed in"


async def join(sessions: Sessions, tokens: Tokens, joining: Joining, now: datetime) -> Joined:
    """One organisation with its first site and person, signed in. Raises 422, and 409 where tax id or e-mail joined before."""
    tax_id = check_joining(joining)
    password_hash = await hash_password(joining.password.get_secret_value())
    organisation = Organisation(
        id=new_id(), country=joining.country, tax_id=tax_id, name=joining.name, kind=joining.kind, activity=joining.activity, created_at=now
    )
    person = Person(
        id=new_id(),
        organisation_id=organisation.id,
        email=joining.email,
        display_name=joining.display_name,
        language=joining.language,
        password_hash=password_hash,
        created_at=now,
    )
    site = new_site(organisation.id, joining.site, now)
    licences = [new_licence(organisation.id, draft, country(joining.country), now) for draft in joining.licences]
    try:
        async with sessions.begin() as session:
            session.add(organisation)
            await session.flush()
            session.add_all([person, site, *licences])
            await session.flush()
            signed_in = await _open_session(session, tokens, person, now)
    except IntegrityError as error:
        raise _joined_before(error, tax_id) from error
    return Joined(organisation=shown_organisation(organisation, [site], licences), **signed_in.model_dump())


def check_joining(joining: Joining) -> str:
    """The tax id in its normal form. Raises 422 naming every field that is wrong."""
    errors: list[FieldError] = []
    tax_id = joining.tax_id
    try:
        land = country(joining.country)
    except UnknownCountryError as error:
        raise Unprocessable(str(error), [FieldError("country", str(error))]) from None
    try:
        tax_id = land.normal_tax_id(joining.tax_id)
    except ValueError as error:
        errors.append(FieldError("tax_id", str(error)))
    if joining.activity is not None and not land.is_activity(joining.activity):
        errors.append(FieldError("activity", "is no class of CIIU revision 4: four digits, such as 1410"))
    errors += check_place_code(land, joining.site.place_code, "site.place_code")
    if errors:
        raise Unprocessable("; ".join(f"{error.field}: {error.message}" for error in errors), errors)
    return tax_id


def _joined_before(error: IntegrityError, tax_id: str) -> Exception:
    if constraint_of(error) == "organisations_join_once":
        return AlreadyJoined(f"{tax_id} has joined: sign in, or ask its people", [FieldError("tax_id", "has joined before")])
    if constraint_of(error) == "people_email_once":
        return AlreadyJoined("this e-mail address has joined: sign in instead", [FieldError("email", "has joined before")])
    return error


def new_site(organisation_id: UUID, draft: SiteDraft, now: datetime) -> Site:
    return Site(id=new_id(), organisation_id=organisation_id, created_at=now, **draft.model_dump())


def new_licence(organisation_id: UUID, draft: LicenceDraft, land: Country, now: datetime) -> Licence:
    """One that has ended already is kept, and opens nothing."""
    ends_at = None if draft.valid_until is None else land.end_of_day(draft.valid_until)
    has_ended = ends_at is not None and ends_at <= now
    fields = draft.model_dump()
    return Licence(id=new_id(), organisation_id=organisation_id, ends_at=ends_at, has_ended=has_ended, created_at=now, **fields)


async def sign_in(sessions: Sessions, tokens: Tokens, credentials: Credentials, now: datetime) -> SessionToken:
    """Raises 401, in the same words and time whether the person or the password is wrong."""
    async with sessions.begin() as session:
        person = await repository.person_by_email(session, credentials.email.lower())
    if not await is_password(credentials.password.get_secret_value(), person.password_hash if person else None) or person is None:
        raise WrongCredentials("e-mail or password is wrong")
    async with sessions.begin() as session:
        return await _open_session(session, tokens, person, now)


async def _open_session(session: AsyncSession, tokens: Tokens, person: Person, now: datetime) -> SessionToken:
    refresh = new_secret()
    opened = RefreshSession(
        id=new_id(), person_id=person.id, refresh_hash=hashed(refresh), expires_at=now + REFRESH_LIFETIME, created_at=now
    )
    session.add(opened)
    await session.flush()
    token, expires_at = tokens.issue(person.id, person.organisation_id, opened.id, now)
    return SessionToken(token=token, refresh_token=refresh, expires_at=expires_at)


async def renew_session(sessions: Sessions, tokens: Tokens, refresh_token: str, now: datetime) -> SessionToken:
    """A new pair of tokens; each refresh token renews once. Raises 401; a spent token shown again ends its session."""
    digest = hashed(refresh_token)
    async with sessions.begin() as session:
        found = await repository.session_by_refresh(session, digest)
        is_spent = found is not None and found.previous_hash == digest
        if found is not None and is_spent:
            found.end(now)
        elif found is not None and found.is_open(now):
            person = await session.get_one(Person, found.person_id)
            refresh = found.renew(now)
            token, expires_at = tokens.issue(person.id, person.organisation_id, found.id, now)
            return SessionToken(token=token, refresh_token=refresh, expires_at=expires_at)
    raise WrongCredentials("this refresh token is spent, ended or unknown: sign in again")


async def sign_out(session: AsyncSession, session_id: UUID, now: datetime) -> None:
    """Ends the session; its token is good for what remains of its 15 minutes, its refresh token no more."""
    if (found := await session.get(RefreshSession, session_id)) is not None:
        found.end(now)


async def make_key(session: AsyncSession, organisation_id: UUID, draft: KeyDraft, now: datetime) -> tuple[ApiKey, str]:
    """The stored key, and its secret, which is shown this once."""
    secret = KEY_PREFIX + new_secret()
    made = ApiKey(
        id=new_id(),
        organisation_id=organisation_id,
        name=draft.name,
        scopes=list(dict.fromkeys(draft.scopes)),
        key_hash=hashed(secret),
        expires_at=draft.expires_at,
        created_at=now,
    )
    session.add(made)
    await session.flush()
    return made, secret


async def drop_key(session: AsyncSession, organisation_id: UUID, key_id: UUID) -> None:
    """Takes a key back. Raises 404 for another's."""
    found = await session.get(ApiKey, key_id)
    if found is None or found.organisation_id != organisation_id:
        raise NotFound("you have no such key")
    await session.delete(found)


async def verify_key(session: AsyncSession, digest: bytes, now: datetime) -> ApiKey:
    """The key with this hash. Raises 404 for one that is unknown, taken back or expired."""
    found = await repository.key_by_hash(session, digest)
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        raise NotFound("no such key")
    return found


async def addressees(session: AsyncSession, organisation_ids: Collection[UUID]) -> list[Addressee]:
    """Everybody of these organisations, as mail reaches them."""
    return [
        Addressee(
            person_id=person.id,
            organisation_id=person.organisation_id,
            name=person.display_name,
            email=person.email,
            language=person.language,
            country=country_code,
        )
        for person, country_code in await repository.people_of(session, organisation_ids)
    ]


async def choose_language(session: AsyncSession, person_id: UUID, language: Language) -> None:
    """Raises 404 for nobody."""
    if (person := await session.get(Person, person_id)) is None:
        raise NotFound("there is no such person")
    person.speak(language)


async def contacts(session: AsyncSession, pairs: dict[UUID, UUID]) -> dict[UUID, dict[str, str]]:
    """Whom to call of the other organisation of each deal. pairs: deal id → that organisation."""
    people = await repository.first_people(session, set(pairs.values()))
    return {deal: {"name": people[other].display_name, "email": people[other].email} for deal, other in pairs.items()}
