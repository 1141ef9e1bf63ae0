"""The composition of the distributed mode: which adapter stands behind which port, and where the parts find each other. No other may ask.

Load-bearing: the imports inside the builders. A process loads the part that it is, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contracts.catalogue import Catalogue, load_catalogue
from infra.distributed.settings import BusSettings, CatalogueSettings, ListingsCallSettings, PartsCallSettings, Read, told
from infra.topics import BUS_TOPICS
from kit.bus import Bus
from kit.settings import PartSettings, plain

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp

# How many calls at once, from one process: about as many as listings has connections to its database, so that more of them wait where they
# are sent, for their whole deadline, and not in its pool, which gives up after 2 s. Matching holds reads while a partition changes hands.
TO_LISTINGS, TO_LISTINGS_FROM_INSIDE, TO_MATCHING, TO_NOTIFICATIONS = 16, 8, 64, 16
LISTINGS, MATCHING, NOTIFICATIONS, GATEWAY = "listings", "matching", "notifications", "gateway"


@dataclass(frozen=True, slots=True)
class Process:
    """One part in a process of its own. app has the lifespan; answering is what the port serves: the app, and what belongs around it.

    calls: contexts that own the connections to other parts. release: ends what would wait for a long time (streams, long polls), and
    nothing else."""

    name: str
    app: FastAPI
    answering: ASGIApp
    buses: Sequence[Bus] = ()
    calls: Sequence[Any] = ()
    release: Callable[[], None] = lambda: None


def build(name: str, read: Read = told) -> Process:
    """The part of that name. read: how settings are come by. Raises ValidationError, SampleSecretError, CatalogueError."""
    return BUILDERS[name](read)


def _listings(read: Read) -> Process:
    from kit.forwarding_http import EndedByCaller
    from services.listings.app import create_app
    from services.listings.settings import ListingsSettings

    settings = read(ListingsSettings)
    bus = _bus(read, settings, LISTINGS)
    app = create_app(settings, bus, _catalogue(read))
    return Process(LISTINGS, app, EndedByCaller(app), [bus])


def _matching(read: Read) -> Process:
    from kit.forwarding_http import EndedByCaller, HttpPart, HttpParts
    from services.matching.app import create_app
    from services.matching.settings import MatchingSettings

    settings = read(MatchingSettings)
    bus, calls, owners = (
        _bus(read, settings, MATCHING),
        HttpPart(read(ListingsCallSettings).listings_url, calls_at_once=TO_LISTINGS_FROM_INSIDE),
        HttpParts(),
    )
    app = create_app(settings, bus, _catalogue(read), calls, part_at=owners.at)
    return Process(MATCHING, app, EndedByCaller(app), [bus], [calls, owners])


def _notifications(read: Read) -> Process:
    from kit.forwarding_http import EndedByCaller, HttpPart
    from services.notifications.app import create_app
    from services.notifications.settings import NotificationsSettings

    settings = read(NotificationsSettings)
    bus, calls = (
        _bus(read, settings, NOTIFICATIONS),
        HttpPart(read(ListingsCallSettings).listings_url, calls_at_once=TO_LISTINGS_FROM_INSIDE),
    )
    app = create_app(settings, bus, _catalogue(read), calls)
    return Process(NOTIFICATIONS, app, EndedByCaller(app), [bus], [calls], release=lambda: app.state.watch.release())


def _gateway(read: Read) -> Process:
    from gateway.app import create_app
    from gateway.settings import GatewaySettings
    from kit.forwarding_http import HttpPart

    settings, called = read(GatewaySettings), read(PartsCallSettings)
    calls = {
        LISTINGS: HttpPart(called.listings_url, calls_at_once=TO_LISTINGS),
        MATCHING: HttpPart(called.matching_url, calls_at_once=TO_MATCHING),
        NOTIFICATIONS: HttpPart(called.notifications_url, calls_at_once=TO_NOTIFICATIONS),
    }
    app = create_app(settings, calls)
    return Process(GATEWAY, app, app, calls=list(calls.values()), release=lambda: app.state.tail.drain())


def _bus(read: Read, settings: PartSettings, name: str) -> Bus:
    """Kafka, where it is said where that is; else the log in PostgreSQL."""
    if read(BusSettings).kafka_servers:
        from kit.bus_kafka import KafkaSettings

        return read(KafkaSettings).bus(name, BUS_TOPICS)
    from kit.bus_postgres import PostgresBus

    return PostgresBus(plain(settings.database_url), name=f"{name}-bus")


def _catalogue(read: Read) -> Catalogue:
    return load_catalogue(read(CatalogueSettings).catalogue)


BUILDERS: Mapping[str, Callable[[Read], Process]] = {
    LISTINGS: _listings,
    MATCHING: _matching,
    NOTIFICATIONS: _notifications,
    GATEWAY: _gateway,
}
