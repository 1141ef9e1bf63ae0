"""Mails counted: the right people, each notice once, three at once a day, deals always, the rest in one digest (invariant 2)."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import timedelta

import asyncpg
import pytest

from contracts.listings import DealAgreed, DealOffered
from kit.ids import new_id
from kit.migrations import OWNER, downgrade, migrate
from services.notifications.app import MIGRATIONS
from services.notifications.repository.deliveries import take_places
from tests.integration.notifications.doubles import StoppedClock, Take, as_role
from tests.integration.notifications.mailroom import Mailroom
from tests.integration.notifications.smtp_sink import Taken
from tests.unit.notifications.facts import HOLDER, NOW, SEEKER, deal_event, match_event, match_fact

ANA, BETO = "ana@example.pe", "beto@example.pe"


async def tell_seeker(take: Take, times: int = 1) -> None:
    """So many notices `match.proposed` to the seeker's organisation, and as many `listing.matched` to nobody of ours."""
    for _ in range(times):
        await take(match_event(match_fact(told=(SEEKER,), parties=(new_id(), SEEKER))))


def subjects(taken: list[Taken]) -> Counter[str]:
    return Counter(str(one.mail["Subject"]) for one in taken)


async def test_a_match_is_mailed_to_both_sides_once_in_their_languages(take: Take, mailroom: Mailroom) -> None:
    beto = mailroom.people.of(SEEKER)
    mailroom.people.book[beto.person_id] = beto.model_copy(update={"language": "en"})
    match = match_event()

    await take(match)
    await mailroom.work()

    (to_ana,), (to_beto,) = mailroom.sink.to(ANA), mailroom.sink.to(BETO)
    assert to_ana.text.startswith("Hola, Ana:\n\nHay quien busca lo que usted ofrece:")
    assert to_beto.text.startswith("Hello Beto,\n\nSomebody offers what you are looking for:")
    assert match.subject in to_beto.text
    assert await mailroom.states() == ["sent", "sent"]


async def test_nothing_of_the_other_side_is_in_a_mail(take: Take, mailroom: Mailroom) -> None:
    await take(match_event(), deal_event(DealOffered, accepted_by=(HOLDER,)), deal_event(DealAgreed))
    await mailroom.work()

    for one in mailroom.sink.taken:
        others = [person for person in mailroom.people.book.values() if person.email != one.recipient]
        said = one.content.decode()
        assert all(word not in said for other in others for word in (other.email, str(other.organisation_id)))
        assert not any(re.search(rf"\b{other.name}\b", said) for other in others)  # three letters may stand within a link's digest
    assert len(mailroom.sink.taken) == 5


async def test_whatever_is_redelivered_nothing_is_mailed_twice(take: Take, mailroom: Mailroom) -> None:
    events = [match_event(), deal_event(DealOffered, accepted_by=(HOLDER,)), deal_event(DealAgreed)]

    for _ in range(3):
        await take(*events)
        await mailroom.work()
    await take(*reversed(events))
    await mailroom.work()

    assert len(mailroom.sink.taken) == 5
    assert set(mailroom.sink.counted().values()) == {1}


async def test_everybody_of_an_organisation_is_written_to_and_nobody_of_another(take: Take, mailroom: Mailroom) -> None:
    cora = mailroom.people.of(SEEKER).model_copy(update={"person_id": new_id(), "email": "cora@example.pe", "name": "Cora"})
    mailroom.people.book[cora.person_id] = cora

    await tell_seeker(take)
    await mailroom.work()

    assert Counter(one.recipient for one in mailroom.sink.taken) == {BETO: 1, "cora@example.pe": 1}
    assert len(mailroom.sink.counted()) == 2, "one Message-ID a reader"


async def test_three_a_day_come_at_once_and_the_rest_in_one_digest_at_seven(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    for _ in range(5):  # not all in one batch
        await tell_seeker(take)
        await mailroom.work()
    assert subjects(mailroom.sink.to(BETO)) == {"Una nueva coincidencia": 3}

    clock.now = NOW + timedelta(hours=21, minutes=59)  # 06:59 in Lima
    await mailroom.work()
    assert len(mailroom.sink.taken) == 3
    clock.pass_hours(1 / 60)
    await mailroom.work()

    digest = mailroom.sink.taken[-1]
    assert subjects(mailroom.sink.to(BETO)) == {"Una nueva coincidencia": 3, "Su resumen del día: 2 avisos": 1}
    assert digest.text.count("Alguien ofrece lo que usted busca") == 2
    assert digest.id == f"<digest.2026-11-25.{mailroom.people.of(SEEKER).person_id}@ayni.example.pe>"


async def test_a_burst_keeps_to_three(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    await tell_seeker(take, 130)  # more than a digest shows
    await mailroom.work()
    clock.pass_days(1)
    await mailroom.work()

    assert subjects(mailroom.sink.to(BETO)) == {"Una nueva coincidencia": 3, "Su resumen del día: 127 avisos": 1}
    assert "Y 77 avisos más" in mailroom.sink.taken[-1].text


async def test_places_are_those_of_the_countrys_day(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    clock.now = NOW.replace(hour=4, minute=59)  # 23:59 of the 23rd in Lima
    await tell_seeker(take, 3)
    await mailroom.work()
    clock.pass_hours(1 / 60)
    await tell_seeker(take, 3)
    await mailroom.work()

    assert subjects(mailroom.sink.to(BETO)) == {"Una nueva coincidencia": 6}


async def test_deals_come_at_once_and_take_no_place_of_others(take: Take, mailroom: Mailroom) -> None:
    for _ in range(5):
        await take(deal_event(DealOffered, accepted_by=(HOLDER,)))
    await tell_seeker(take, 4)
    await take(deal_event(DealOffered, accepted_by=(HOLDER,)))
    await mailroom.work()

    assert subjects(mailroom.sink.to(BETO)) == {"La otra parte acepta: falta su respuesta": 6, "Una nueva coincidencia": 3}


async def test_four_processes_at_once_do_it_once(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    await tell_seeker(take, 40)
    await take(*(deal_event(DealOffered, accepted_by=(HOLDER,)) for _ in range(20)))
    posts = [mailroom.post() for _ in range(4)]

    for _ in range(4):
        await asyncio.gather(*(post.address() for post in posts), *(post.hand_over() for post in posts))
    await mailroom.work()
    clock.pass_days(1)
    await asyncio.gather(*(post.hand_over() for post in posts))

    assert subjects(mailroom.sink.to(BETO)) == {
        "La otra parte acepta: falta su respuesta": 20,
        "Una nueva coincidencia": 3,
        "Su resumen del día: 37 avisos": 1,
    }
    assert set(mailroom.sink.counted().values()) == {1}


async def test_places_that_many_take_at_once_are_as_many_as_there_are(mailroom: Mailroom) -> None:
    person = new_id()

    async def take_one() -> int:
        async with mailroom.sessions.begin() as session:
            return await take_places(session, person, NOW.date(), 1, 3)

    assert sum(await asyncio.gather(*(take_one() for _ in range(5)))) == 3


async def test_what_is_not_wanted_by_mail_is_not_mailed_also_when_it_waits_already(
    take: Take, mailroom: Mailroom, clock: StoppedClock
) -> None:
    beto = mailroom.caller(SEEKER)
    await tell_seeker(take, 5)
    await take(deal_event(DealOffered, accepted_by=(HOLDER,)))
    await mailroom.post().address()

    await mailroom.choose(beto, channels={"match.proposed": ["in_app"]})
    await tell_seeker(take)
    await mailroom.work()
    clock.pass_days(1)
    await mailroom.work()

    assert subjects(mailroom.sink.to(BETO)) == {"La otra parte acepta: falta su respuesta": 1}
    assert Counter(await mailroom.states()) == {"sent": 1, "dropped": 4}


@pytest.mark.parametrize(("hour", "comes_after"), [(7, 22), (18, 9), (9, 24), (10, 1)])
async def test_the_digest_comes_at_the_hour_that_its_reader_chose(
    take: Take, mailroom: Mailroom, clock: StoppedClock, hour: int, comes_after: int
) -> None:
    await mailroom.choose(mailroom.caller(SEEKER), digest_hour=hour)  # it is nine in the morning
    await tell_seeker(take, 4)
    await mailroom.work()

    clock.pass_hours(comes_after - 0.01)
    await mailroom.work()
    assert len(mailroom.sink.taken) == 3
    clock.pass_hours(0.01)
    await mailroom.work()
    assert len(mailroom.sink.taken) == 4


async def test_a_digest_that_waits_moves_to_an_hour_that_is_chosen_later(take: Take, mailroom: Mailroom, clock: StoppedClock) -> None:
    await tell_seeker(take, 4)
    await mailroom.work()

    await mailroom.choose(mailroom.caller(SEEKER), digest_hour=20)
    clock.pass_hours(34.9)
    await mailroom.work()
    assert len(mailroom.sink.taken) == 3
    clock.pass_hours(0.1)
    await mailroom.work()
    assert len(mailroom.sink.taken) == 4


async def test_who_has_left_is_written_to_no_more(take: Take, mailroom: Mailroom) -> None:
    await tell_seeker(take)
    await mailroom.post().address()
    mailroom.people.book.clear()

    await mailroom.work()

    assert (mailroom.sink.taken, await mailroom.states()) == ([], ["dropped"])


async def test_notices_of_before_there_was_mail_are_not_mailed(empty_database: str, mailroom: Mailroom) -> None:
    owner = as_role(empty_database, OWNER)
    connection = await asyncpg.connect(owner)
    await connection.execute("set search_path to notifications")
    await downgrade(owner, MIGRATIONS, "0001")
    insert = "insert into notices values ($1, $2, 'deal.agreed', 'deal', '1', 1, null, 'es', 'en', '{}', $3)"
    await connection.execute(insert, new_id(), SEEKER, NOW)
    await connection.close()
    await migrate(owner, MIGRATIONS)

    await mailroom.work()

    assert mailroom.sink.taken == []
