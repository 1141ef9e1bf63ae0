"""The composition of the distributed mode: which adapter stands behind which port, and where the parts find each other. No other may ask.

Load-bearing: `READS`. It says what each process is told, so that what is shipped (`docker-compose.yml`) can be held to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from pydantic_settings import BaseSettings
from starlette.types import ASGIApp

from contracts.catalogue import load_catalogue
from gateway.app import create_app as create_gateway
from gateway.settings import GatewaySettings
from infra.distributed.settings import DoorSettings, ListingsCallSettings, PartsCallSettings, PreparingSettings, SecretsSettings, told
from kit.bus import Bus
from kit.bus_postgres import PostgresBus
from kit.forwarding_http import EndedByCaller, HttpPart, HttpParts
from kit.settings import PartSettings
from services.listings import app as listings
from services.listings.settings import ListingsSettings
from services.matching import app as matching
from services.matching.settings import MatchingSettings
from services.notifications import app as notifications
from services.notifications.settings import NotificationsSettings

GATEWAY, MIGRATE = "gateway", "migrate"
READS: Mapping[str, Sequence[type[BaseSettings]]] = {
    listings.NAME: (SecretsSettings, DoorSettings, ListingsSettings),
    matching.NAME: (SecretsSettings, DoorSettings, MatchingSettings, ListingsCallSettings),
    notifications.NAME: (SecretsSettings, DoorSettings, NotificationsSettings, ListingsCallSettings),
    GATEWAY: (SecretsSettings, DoorSettings, GatewaySettings, PartsCallSettings),
    MIGRATE: (SecretsSettings, PreparingSettings),
}


@dataclass(frozen=True, slots=True)
class Process:
    """One part in a process of its own. app has the lifespan; answering is what the port serves: the app, and what belongs around it.

    calls: other parts, over HTTP. release: ends what would wait for a long time (streams, long polls), and nothing else."""

    name: str
    app: FastAPI
    answering: ASGIApp
    buses: Sequence[Bus] = ()
    calls: Sequence[HttpPart | HttpParts] = ()
    release: Callable[[], None] = lambda: None


def build(name: str) -> Process:
    """The part of that name, as the environment says. Raises ValidationError, SampleSecretError."""
    return BUILDERS[name]()


def _bus(settings: PartSettings, name: str) -> Bus:
    return PostgresBus(settings.database_url.get_secret_value(), name=f"{name}-bus")


def _listings() -> Process:
    settings = told(ListingsSettings)
    bus = _bus(settings, listings.NAME)
    app = listings.create_app(settings, bus, load_catalogue())
    return Process(listings.NAME, app, EndedByCaller(app), [bus])


def _matching() -> Process:
    settings, called = told(MatchingSettings), told(ListingsCallSettings)
    bus, calls, owners = _bus(settings, matching.NAME), HttpPart(called.listings_url), HttpParts()
    app = matching.create_app(settings, bus, load_catalogue(), calls, part_at=owners.at)
    return Process(matching.NAME, app, EndedByCaller(app), [bus], [calls, owners])


def _notifications() -> Process:
    settings, called = told(NotificationsSettings), told(ListingsCallSettings)
    bus, calls = _bus(settings, notifications.NAME), HttpPart(called.listings_url)
    app = notifications.create_app(settings, bus, load_catalogue(), calls)
    return Process(notifications.NAME, app, EndedByCaller(app), [bus], [calls], release=lambda: app.state.watch.release())


def _gateway() -> Process:
    settings, called = told(GatewaySettings), told(PartsCallSettings)
    calls = {
        listings.NAME: HttpPart(called.listings_url),
        matching.NAME: HttpPart(called.matching_url),
        notifications.NAME: HttpPart(called.notifications_url),
    }
    app = create_gateway(settings, calls)
    return Process(GATEWAY, app, app, calls=list(calls.values()), release=lambda: app.state.tail.drain())


BUILDERS: Mapping[str, Callable[[], Process]] = {
    listings.NAME: _listings,
    matching.NAME: _matching,
    notifications.NAME: _notifications,
    GATEWAY: _gateway,
}
