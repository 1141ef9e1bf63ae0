"""Mail servers that refuse, hang or vanish, dying processes, clocks set back: nothing is lost, and what comes twice is seen to be one."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from datetime import timedelta

import pytest
from pydantic import SecretStr

from contracts.listings import DealOffered
from kit.problems import Unavailable
from services.notifications.links import Links
from services.notifications.mail import Mail
from services.notifications.mailer import SmtpMailer
from services.notifications.service.deliveries import claim_due, prepare
from tests.integration.notifications.doubles import LINK_SECRET, StoppedClock, Take
from tests.integration.notifications.mailroom import Mailroom
from tests.integration.notifications.smtp_sink import DROP, DROP_UNTAKEN, HANG
from tests.integration.notifications.test_mail_counts import BETO, subjects, tell_seeker
from tests.unit.notifications.facts import HOLDER, NOW, SEEKER, deal_event

FOREVER = 200.0  # seconds: longer than any pause that a test waits out


async def tell_deal(take: Take) -> None:
    await take(deal_event(DealOffered, accepted_by=(HOLDER,)))


@pytest.mark.parametrize("answer", ["450 greylisted", "421 too busy", DROP_UNTAKEN])
async def test_what_is_put_off_comes_later_once(take: Take, mailroom: Mailroom, clock: StoppedClock, answer: str) -> None:
    mailroom.sink.at_rcpt = [answer, answer]
    await tell_deal(take)

    await mailroom.work()
    assert mailroom.sink.taken == []
    clock.pass_seconds(4.9)
    await mailroom.work()
    assert len(mailroom.sink.at_rcpt) == 1, "before its pause was over"
    clock.pass_seconds(0.1)
    await mailroom.work()
    assert (mailroom.sink.taken, mailroom.sink.at_rcpt) == ([], [])
    clock.pass_seconds(14.9)  # the second pause is three times as long
    await mailroom.work()
    assert mailroom.sink.taken == []
    clock.pass_seconds(0.1)
    await mailroom.work()

    assert len(mailroom.sink.to(BETO)) == 1
    assert [(one.state, one.attempts, one.may_have_arrived) for one in await mailroom.deliveries()] == [("sent", 3, False)]


@pytest.mark.parametrize("at", ["at_rcpt", "at_data"])
async def test_what_is_refused_is_never_tried_again_and_written_down(take: Take, mailroom: Mailroom, clock: StoppedClock, at: str) -> None:
    setattr(mailroom.sink, at, ["550 no such user"])
    await tell_deal(take)
    await mailroom.work()
    attempts = len(mailroom.sink.taken)

    clock.pass_days(1)
    await mailroom.work()

    assert len(mailroom.sink.taken) == attempts
    (delivery,) = await mailroom.deliveries()
    assert (delivery.state, delivery.attempts, delivery.ended_at) == ("bounced", 1, NOW)
    assert "550" in str(delivery.cause)
    assert BETO not in str(delivery.cause)


@pytest.mark.parametrize("trouble", [DROP, HANG, "999 what?"])
async def test_what_may_have_arrived_comes_again_as_the_same_mail(
    take: Take, mailroom: Mailroom, clock: StoppedClock, trouble: str
) -> None:
    mailroom = mailroom.told(mail_seconds=8)  # a server that hangs is waited for so long
    mailroom.sink.at_data = [trouble]
    await tell_deal(take)
    await mailroom.work()
    clock.pass_hours(1)
    await mailroom.work()
    clock.pass_days(1)
    await mailroom.work()

    assert list(mailroom.sink.counted().values()) == [2]
    first, again = mailroom.sink.taken
    assert first == again, "not the same bytes"
    assert [(one.state, one.may_have_arrived) for one in await mailroom.deliveries()] == [("sent", True)]


async def test_one_that_hangs_or_is_refused_stops_no_other(take: Take, mailroom: Mailroom) -> None:
    mailroom = mailroom.told(mail_seconds=8)
    mailroom.sink.at_data = [HANG, "550 no", "451 later", DROP]
    for _ in range(12):
        await tell_deal(take)

    await mailroom.work()

    assert Counter(await mailroom.states()) == {"sent": 8, "waiting": 3, "bounced": 1}


class Crashing(SmtpMailer):
    """Breaks over its first mail as nobody expected."""

    crashes = 1

    async def send(self, mail: Mail) -> None:
        if self.crashes:
            self.crashes -= 1
            raise ZeroDivisionError("a fault of our own")
        await super().send(mail)


async def test_a_mail_that_crashes_is_put_off_and_stops_no_other(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    post = mailroom.post(Crashing(mailroom.mailer().server, 10))
    for _ in range(3):
        await tell_deal(take)
    await post.address()

    await post.hand_over()
    assert Counter(await mailroom.states()) == {"sent": 2, "waiting": 1}
    clock.pass_seconds(FOREVER)
    await post.hand_over()

    assert await mailroom.states() == ["sent", "sent", "sent"]
    assert set(mailroom.sink.counted().values()) == {1}


async def test_a_server_that_is_away_loses_nothing_and_refuses_nothing(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    for _ in range(20):
        await tell_deal(take)
    with socket.socket() as nobody:  # bound, and nobody listens: it refuses, and nobody else gets it
        nobody.bind(("127.0.0.1", 0))
        await mailroom.told(smtp_url=SecretStr(f"smtp://127.0.0.1:{nobody.getsockname()[1]}")).work()
    assert set(await mailroom.states()) == {"waiting"}

    clock.pass_seconds(FOREVER)
    await mailroom.work()

    assert (len(mailroom.sink.taken), set(await mailroom.states())) == (20, {"sent"})


async def test_a_server_that_refuses_us_says_nothing_of_our_readers(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 no service for you\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = SecretStr(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await tell_deal(take)
    await mailroom.told(smtp_url=url).work()
    server.close()

    assert await mailroom.states() == ["waiting"]
    clock.pass_seconds(FOREVER)
    await mailroom.work()
    assert await mailroom.states() == ["sent"]


async def test_what_was_put_off_for_three_days_is_given_up(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    mailroom.sink.at_rcpt = ["450 later"] * 100
    await tell_deal(take)
    for _ in range(40):
        await mailroom.work()
        clock.pass_hours(2)

    (delivery,) = await mailroom.deliveries()
    assert delivery.state == "given_up"
    assert delivery.ended_at is not None
    assert timedelta(days=3) <= delivery.ended_at - NOW <= timedelta(days=3, hours=4)
    assert mailroom.sink.taken == []


async def test_an_address_that_no_server_would_understand_is_written_down_and_stops_no_other(take: Take, mailroom: Mailroom) -> None:
    ana = mailroom.people.of(HOLDER)
    mailroom.people.book[ana.person_id] = ana.model_copy(update={"email": "a<b,c@example.pe"})
    await take(deal_event(DealOffered))  # both have yet to answer
    await mailroom.work()

    assert Counter(await mailroom.states()) == {"sent": 1, "bounced": 1}
    assert len(mailroom.sink.to(BETO)) == 1


async def test_who_dies_after_the_mail_and_before_the_mark_hands_the_same_over_again(
    take: Take, mailroom: Mailroom, clock: StoppedClock
) -> None:
    mailroom.sink.always = HANG
    await tell_deal(take)
    post = mailroom.post()
    await post.address()
    dying = asyncio.create_task(post.hand_over())
    await mailroom.sink.changed.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    mailroom.sink.always = None

    await mailroom.work()
    assert len(mailroom.sink.taken) == 1, "the claim has not run out yet"
    clock.now += mailroom.settings.mail_lease
    await mailroom.work()

    first, again = mailroom.sink.taken
    assert first == again
    assert await mailroom.states() == ["sent"]


async def test_who_was_stopped_for_longer_than_the_lease_hands_nothing_over_any_more(
    take: Take, mailroom: Mailroom, clock: StoppedClock
) -> None:
    await tell_deal(take)
    await mailroom.post().address()
    async with mailroom.sessions.begin() as session:
        (claimed,) = await claim_due(session, clock(), mailroom.settings.mail_lease, 1)
    links, beto = Links(LINK_SECRET, mailroom.settings.public_url), mailroom.people.of(SEEKER)

    clock.now += mailroom.settings.mail_lease
    async with mailroom.sessions.begin() as session:
        assert await prepare(session, claimed, beto, links, mailroom.settings, clock()) is None
    await mailroom.work()
    async with mailroom.sessions.begin() as session:
        assert await prepare(session, claimed, beto, links, mailroom.settings, clock()) is None

    assert list(mailroom.sink.counted().values()) == [1]


async def test_a_mail_in_hand_is_finished_when_the_part_stops(take: Take, mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifications.post.DRAIN_SECONDS", 60.0)
    stopping: list[asyncio.Task[bool]] = []
    mailroom.sink.before_answer = lambda: stopping[0].cancel() and None
    await tell_deal(take)
    post = mailroom.post()
    await post.address()
    stopping.append(asyncio.create_task(post.hand_over()))

    with pytest.raises(asyncio.CancelledError):
        await stopping[0]

    assert await mailroom.states() == ["sent"]


async def test_listings_away_holds_mail_back_and_loses_none(take: Take, mailroom: Mailroom) -> None:
    await tell_deal(take)
    mailroom.people.is_away = True
    with pytest.raises(Unavailable):
        await mailroom.post().address()
    mailroom.people.is_away = False
    await mailroom.post().address()
    mailroom.people.is_away = True
    with pytest.raises(Unavailable):
        await mailroom.post().hand_over()
    mailroom.people.is_away = False

    mailroom.clock.now += mailroom.settings.mail_lease
    await mailroom.work()

    assert list(mailroom.sink.counted().values()) == [1]


async def test_a_clock_set_back_an_hour_makes_no_second_digest_and_loses_no_mail(
    take: Take, mailroom: Mailroom, clock: StoppedClock
) -> None:
    await tell_seeker(take, 5)
    await mailroom.work()
    clock.now = NOW + timedelta(hours=22)  # seven o'clock
    await mailroom.work()
    assert subjects(mailroom.sink.to(BETO))["Su resumen del día: 2 avisos"] == 1

    clock.pass_hours(-1)
    await tell_seeker(take, 6)
    await mailroom.work()
    clock.pass_hours(1)  # seven o'clock again
    await mailroom.work()
    clock.pass_hours(2)
    await mailroom.work()

    today = {"Una nueva coincidencia": 6, "Su resumen del día: 2 avisos": 1}
    assert subjects(mailroom.sink.to(BETO)) == today
    clock.pass_hours(22)
    await mailroom.work()
    assert subjects(mailroom.sink.to(BETO)) == today | {"Su resumen del día: 3 avisos": 1}
    assert set(mailroom.sink.counted().values()) == {1}


async def test_a_clock_set_back_over_midnight_gives_no_place_twice(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    clock.now = NOW.replace(hour=4, minute=30)  # half past eleven in the evening in Lima
    for step in (0, 1, -1, 1, -1):
        clock.pass_hours(step)
        await tell_seeker(take, 3)
        await mailroom.work()

    assert subjects(mailroom.sink.to(BETO)) == {"Una nueva coincidencia": 6}, "three of each of the two days"
    clock.pass_days(3)
    await mailroom.work()
    told = sum(one.text.count("Alguien ofrece lo que usted busca") for one in mailroom.sink.to(BETO))
    assert told == 15


async def test_a_clock_set_back_while_a_mail_waits_only_delays_it(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    mailroom.sink.at_rcpt = ["450 later"]
    await tell_deal(take)
    await mailroom.work()

    clock.pass_hours(-1)
    await mailroom.work()
    assert mailroom.sink.taken == []
    clock.pass_hours(1.01)
    await mailroom.work()

    assert len(mailroom.sink.to(BETO)) == 1


async def test_mails_that_waited_into_the_next_day_keep_to_three_that_day(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    mailroom.sink.at_rcpt = ["450 later"] * 3
    await tell_seeker(take, 3)
    await mailroom.work()
    clock.pass_days(1)
    await tell_seeker(take, 2)

    await mailroom.work()
    assert subjects(mailroom.sink.to(BETO)) == {"Una nueva coincidencia": 3}
    clock.pass_days(1)
    await mailroom.work()

    assert subjects(mailroom.sink.to(BETO)) == {"Una nueva coincidencia": 3, "Su resumen del día: 2 avisos": 1}
    told = Counter(line for one in mailroom.sink.to(BETO) for line in one.text.split("\n") if line.startswith("(coincidencia"))
    assert (len(told), set(told.values())) == (5, {1})


async def test_what_may_have_arrived_is_not_told_again_in_a_digest(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    mailroom.sink.at_data = [DROP]
    await tell_seeker(take)
    await mailroom.work()
    clock.pass_days(1)
    await tell_seeker(take, 3)
    await mailroom.post().address()  # the three places of today are taken

    await mailroom.work()

    assert sorted(mailroom.sink.counted().values()) == [1, 1, 1, 2]
    assert set(await mailroom.states()) == {"sent"}
