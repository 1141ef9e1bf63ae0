"""The composition of the embedded mode: which adapter stands behind which port, and which part calls which. Nothing else may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from fastapi import FastAPI
from pydantic import SecretStr

from contracts.catalogue import Catalogue
from contracts.topics import TOPICS
from gateway.app import create_app as create_gateway
from gateway.settings import GatewaySettings
from kit.bus import Bus, Topic
from kit.bus_postgres import MIGRATIONS as BUS
from kit.bus_postgres import PostgresBus, ensure_topics
from kit.clock import Clock, system_clock
from kit.forwarding import AsgiPart
from kit.migrations import OWNER, ensure_roles, migrate
from services.listings import app as listings
from services.listings.settings import ListingsSettings
from services.matching import app as matching
from services.matching.settings import MatchingSettings
from services.notifications import app as notifications
from services.notifications.settings import NotificationsSettings

MIGRATIONS = (BUS, listings.MIGRATIONS, matching.MIGRATIONS, notifications.MIGRATIONS)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once for a local exchange, kept in its own folder. passwords: by database role."""

    passwords: Mapping[str, str]
    internal_token: str
    token_secret: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part and its app, in the order in which they start."""

    name: str
    app: FastAPI


def role_dsn(admin_dsn: str, role: str, password: str) -> str:
    """The same server and database, as another role."""
    found = urlsplit(admin_dsn)
    return urlunsplit(found._replace(netloc=f"{role}:{password}@{found.hostname}:{found.port}"))


async def prepare_database(admin_dsn: str, secrets: Secrets) -> None:
    """Roles, schemas, topics: as this release wants them. Idempotent."""
    await ensure_roles(admin_dsn, secrets.passwords)
    owner = role_dsn(admin_dsn, OWNER, secrets.passwords[OWNER])
    for part in MIGRATIONS:
        await migrate(owner, part)
    connection = await asyncpg.connect(owner)
    try:
        await ensure_topics(connection, [Topic(one.name, one.partitions, one.retention_hours, one.is_compacted) for one in TOPICS])
    finally:
        await connection.close()


def build_parts(admin_dsn: str, secrets: Secrets, catalogue: Catalogue, clock: Clock = system_clock) -> tuple[list[Part], list[Bus]]:
    """The parts, and the buses to start before them and stop after them. The gateway is the last part."""

    def dsn(role: str) -> SecretStr:
        return SecretStr(role_dsn(admin_dsn, role, secrets.passwords[role]))

    buses = {name: PostgresBus(dsn(name).get_secret_value(), name=f"{name}-bus") for name in ("listings", "matching", "notifications")}
    internal, tokens = SecretStr(secrets.internal_token), SecretStr(secrets.token_secret)
    listings_app = listings.create_app(
        ListingsSettings(database_url=dsn("listings"), internal_token=internal, token_secret=tokens), buses["listings"], catalogue, clock
    )
    matching_app = matching.create_app(
        MatchingSettings(database_url=dsn("matching"), internal_token=internal), buses["matching"], catalogue, AsgiPart(listings_app), clock
    )
    notifications_app = notifications.create_app(
        NotificationsSettings(database_url=dsn("notifications"), internal_token=internal), buses["notifications"], catalogue, clock
    )
    inner = {"listings": listings_app, "matching": matching_app, "notifications": notifications_app}
    gateway_app = create_gateway(
        GatewaySettings(token_secret=tokens, internal_token=internal, joins_per_minute=None),
        {name: AsgiPart(app) for name, app in inner.items()},
        clock,
    )
    return [*(Part(name, app) for name, app in inner.items()), Part("gateway", gateway_app)], list(buses.values())
