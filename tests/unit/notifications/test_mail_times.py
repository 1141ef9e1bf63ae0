"""When mails come: the country's calendar, the reader's hour, growing pauses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from contracts.notifications import NoticeKind
from services.notifications.delivery import Delivery
from services.notifications.digest import digest_moment, first_digest_day, is_urgent, land_of, may_wait, pause_before
from services.notifications.mailer import server_of
from services.notifications.preference import KINDS, channels_of, refused_by

PERU = land_of("PE")
LIMA = timezone(timedelta(hours=-5))
PAUSE, PATIENCE, LEASE = timedelta(seconds=5), timedelta(days=3), timedelta(minutes=1)


def lima(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=LIMA)


@pytest.mark.parametrize(
    ("now", "hour", "day"),
    [
        (lima(24, 6, 59), 7, 24),
        (lima(24, 7, 0), 7, 25),
        (lima(24, 23, 59), 7, 25),
        (lima(24, 0, 0), 0, 25),
        (lima(24, 22, 59), 23, 24),
        (datetime(2026, 11, 25, 3, 0, tzinfo=UTC), 23, 24),  # in Lima it is still the 24th
    ],
)
def test_the_next_digest_comes_at_the_readers_hour_of_the_countrys_day(now: datetime, hour: int, day: int) -> None:
    assert first_digest_day(now, hour, PERU) == date(2026, 11, day)
    assert digest_moment(date(2026, 11, day), hour, PERU) == lima(day, hour)


def test_only_deals_are_told_at_once_whatever_there_was() -> None:
    urgent = {kind for kind in KINDS if is_urgent(kind)}

    assert urgent == {kind for kind in KINDS if kind.startswith("deal.")}
    assert set(may_wait(KINDS)) == set(KINDS) - urgent


def test_a_country_of_another_release_has_the_usual_calendar() -> None:
    assert land_of("XX") is PERU


def test_pauses_grow_up_to_the_longest() -> None:
    pauses = [pause_before(attempt, 5, 3600).total_seconds() for attempt in (1, 2, 3, 4, 9, 10**6)]

    assert pauses == [5, 15, 45, 135, 3600, 3600]


def a_delivery() -> Delivery:
    return Delivery(due_at=lima(24, 9), next_attempt_at=lima(24, 9))


def test_a_claim_that_ran_out_means_that_it_may_have_arrived() -> None:
    delivery = a_delivery()
    delivery.claim(lima(24, 9), LEASE)
    assert not delivery.may_have_arrived

    delivery.claim(lima(24, 10), LEASE)

    assert delivery.may_have_arrived


def test_who_was_slower_than_the_lease_changes_nothing_but_what_is_sure() -> None:
    delivery = a_delivery()
    delivery.claim(lima(24, 9), LEASE)
    delivery.claim(lima(24, 10), LEASE)

    delivery.defer(1, "slow", lima(24, 10), PAUSE, PATIENCE, is_unsure=False)
    delivery.bounce(1, "slow", lima(24, 10))
    delivery.drop(1, "slow", lima(24, 10))
    assert (delivery.state, delivery.cause, delivery.claimed_until) == ("waiting", None, lima(24, 10) + LEASE)

    delivery.arrive(lima(24, 10))
    assert delivery.state == "sent"


def test_what_has_ended_stays_as_it_ended() -> None:
    delivery = a_delivery()
    delivery.claim(lima(24, 9), LEASE)
    delivery.bounce(1, "550", lima(24, 9))

    delivery.arrive(lima(24, 10))
    delivery.defer(1, "late", lima(24, 10), PAUSE, PATIENCE, is_unsure=True)

    assert (delivery.state, delivery.cause, delivery.ended_at) == ("bounced", "550", lima(24, 9))


def test_it_is_given_up_when_it_has_been_put_off_for_too_long() -> None:
    delivery = a_delivery()
    delivery.claim(lima(26, 9), LEASE)
    delivery.defer(1, "451", lima(26, 9), PAUSE, PATIENCE, is_unsure=False)
    assert delivery.state == "waiting"

    delivery.claim(lima(27, 9), LEASE)
    delivery.defer(2, "451", lima(27, 9), PAUSE, PATIENCE, is_unsure=False)

    assert (delivery.state, delivery.cause) == ("given_up", "451")


def test_channels_are_what_is_not_refused_and_the_other_way_round() -> None:
    chosen: dict[NoticeKind, tuple[str, ...]] = {"match.proposed": ("in_app",), "deal.agreed": ()}
    refused = refused_by(chosen)  # type: ignore[arg-type] # plain words for channels

    assert refused == {("match.proposed", "email"), ("deal.agreed", "in_app"), ("deal.agreed", "email")}
    shown = channels_of(refused)
    assert {kind: shown[kind] for kind in chosen} == chosen
    assert shown["deal.offered"] == ("in_app", "email")


@pytest.mark.parametrize(
    ("url", "host", "port", "is_tls", "starttls"),
    [
        ("smtp://mail.pe", "mail.pe", 25, False, None),
        ("smtp://u:p@mail.pe:587", "mail.pe", 587, False, True),  # a password never goes over an open line
        ("smtp://u:p@127.0.0.1:2525/", "127.0.0.1", 2525, False, None),
        ("smtp+starttls://mail.pe", "mail.pe", 587, False, True),
        ("smtp+plain://[::1]:25", "::1", 25, False, False),
        ("smtps://u%40x:p%3A@mail.pe", "mail.pe", 465, True, False),
    ],
)
def test_a_mail_server_is_named_by_one_url(url: str, host: str, port: int, is_tls: bool, starttls: bool | None) -> None:
    server = server_of(url)

    assert (server.host, server.port, server.is_tls, server.starttls) == (host, port, is_tls, starttls)
    assert server.username in (None, "u", "u@x")
    assert server.password in (None, "p", "p:")


@pytest.mark.parametrize(
    "url", ["", "mail.pe", "http://mail.pe", "smtp://", "smtp://mail.pe:x", "smtp://mail.pe:99999", "smtp://mail.pe/in"]
)
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must look like|port"):
        server_of(url)
