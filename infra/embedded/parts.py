"""The composition of the embedded mode: which adapter stands behind which port, and which part calls which. Nothing else may ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from contracts.catalogue import Catalogue, load_catalogue
from gateway.app import create_app as create_gateway
from gateway.settings import GatewaySettings
from infra.database import ROLES, is_new, prepare_database, role_dsn
from infra.embedded.composition import Composition, Exchange, Outward, Part, Secrets
from infra.embedded.showcase import Showcase
from infra.sample.load import load_sample
from kit.bus import Bus
from kit.bus_postgres import PostgresBus
from kit.clock import Clock, system_clock
from kit.forwarding import AsgiPart
from services.listings import app as listings
from services.listings.settings import ListingsSettings
from services.matching import app as matching
from services.matching.settings import MatchingSettings
from services.notifications import app as notifications
from services.notifications.settings import MAIL_FROM, NotificationsSettings


async def _prepare(admin_dsn: str, secrets: Secrets) -> None:
    await prepare_database(admin_dsn, secrets.passwords)


def build_exchange(admin_dsn: str, secrets: Secrets, catalogue: Catalogue, outward: Outward) -> Exchange:
    """The parts, and the view of them that the terminal shows."""
    parts, buses = build_parts(admin_dsn, secrets, catalogue, outward)
    apps = {part.name: AsgiPart(part.app) for part in parts}
    showcase = Showcase(apps["listings"], apps["notifications"], secrets.internal_token)
    return Exchange(parts, buses, showcase.settle, showcase.matched)


def postgres_bus(dsn: str, name: str) -> Bus:
    """The bus of this mode: a log in PostgreSQL, reached as the part's own role."""
    return PostgresBus(dsn, name=f"{name}-bus")


def build_parts(
    admin_dsn: str,
    secrets: Secrets,
    catalogue: Catalogue,
    outward: Outward,
    clock: Clock = system_clock,
    make_bus: Callable[[str, str], Bus] = postgres_bus,
) -> tuple[list[Part], list[Bus]]:
    """The parts, the gateway last, and the buses to start before them and stop after them. make_bus: by a part's DSN and name."""

    def dsn(role: str) -> SecretStr:
        return SecretStr(role_dsn(admin_dsn, role, secrets.passwords[role]))

    buses = {name: make_bus(dsn(name).get_secret_value(), name) for name in ("listings", "matching", "notifications")}
    internal, tokens = SecretStr(secrets.internal_token), SecretStr(secrets.token_secret)
    listings_app = listings.create_app(
        ListingsSettings(database_url=dsn("listings"), internal_token=internal, token_secret=tokens), buses["listings"], catalogue, clock
    )
    matching_app = matching.create_app(
        MatchingSettings(database_url=dsn("matching"), internal_token=internal), buses["matching"], catalogue, AsgiPart(listings_app), clock
    )
    notifications_app = notifications.create_app(
        NotificationsSettings(
            database_url=dsn("notifications"),
            internal_token=internal,
            link_secret=SecretStr(secrets.link_secret),
            public_url=outward.public_url,
            smtp_url=outward.smtp_url,
            mail_folder=outward.mail_folder,
            mail_from=outward.mail_from or MAIL_FROM,
        ),
        buses["notifications"],
        catalogue,
        AsgiPart(listings_app),
        clock,
    )
    inner = {"listings": listings_app, "matching": matching_app, "notifications": notifications_app}
    gateway_app = create_gateway(
        GatewaySettings(token_secret=tokens, internal_token=internal, joins_per_minute=None),
        {name: AsgiPart(app) for name, app in inner.items()},
        clock,
    )
    return [*(Part(name, app) for name, app in inner.items()), Part("gateway", gateway_app)], list(buses.values())


def embedded(folder: Path | None = None) -> Composition:
    """The embedded exchange with the catalogue of a folder, and no sample market; None: the shipped one. Raises CatalogueError."""
    catalogue = load_catalogue(folder)
    return Composition(
        roles=ROLES,
        is_new=is_new,
        prepare=_prepare,
        build=lambda dsn, secrets, outward: build_exchange(dsn, secrets, catalogue, outward),
        load_sample=load_sample if folder is None else None,
    )
