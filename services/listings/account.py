"""Sessions of people and keys of machines. Only hashes are kept: neither a refresh token nor a key can be read back."""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from kit.tables import Moment

REFRESH_LIFETIME = timedelta(days=30)
KEY_PREFIX = "ayni_"


def hashed(secret: str) -> bytes:
    """SHA-256: enough for 256 random bits, which no dictionary holds (reliability.md, 6.3)."""
    return hashlib.sha256(secret.encode()).digest()


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


class RefreshSession(SQLModel, table=True):
    """A person signed in on one device. Each refresh token renews once; one shown twice was stolen, and ends the session."""

    __tablename__ = "sessions"
    __table_args__ = (UniqueConstraint("refresh_hash", name="sessions_refresh_once"),)

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(sa_column_args=(ForeignKey("people.id", name="sessions_person"),), index=True)
    refresh_hash: bytes = Field(repr=False)
    previous_hash: bytes | None = Field(default=None, repr=False, index=True)
    expires_at: datetime = Field(sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)

    def is_open(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.expires_at

    def renew(self, now: datetime) -> str:
        """The next refresh token; the one before is spent."""
        token = new_secret()
        self.previous_hash, self.refresh_hash, self.expires_at = self.refresh_hash, hashed(token), now + REFRESH_LIFETIME
        return token

    def end(self, now: datetime) -> None:
        self.ended_at = self.ended_at or now


class ApiKey(SQLModel, table=True):
    """A key of a machine, for one organisation and some scopes."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("key_hash", name="api_keys_once"),)

    id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(sa_column_args=(ForeignKey("organisations.id", name="api_keys_organisation"),), index=True)
    name: str
    scopes: list[str] = Field(sa_type=ARRAY(String))
    key_hash: bytes = Field(repr=False)
    expires_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)
