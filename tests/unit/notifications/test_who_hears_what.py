"""Who hears what (matching.md, sections 5 and 6), as a table of cases."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

import pytest

from contracts.envelope import EVENT_TYPES, Event
from contracts.listings import DealAgreed, DealDeclined, DealOffered, DealReleased, DealVoided, HolderAsked
from contracts.matching import Cause, MatchLapsed, MatchProposed
from kit.ids import new_id
from services.notifications.reactions import EVEN_IF_LATE, HEARD
from services.notifications.repository.notices import Gathered
from services.notifications.service.notices import listing_notice
from services.notifications.texts import Pair
from tests.unit.notifications.facts import COTTON, HOLDER, NOW, SEEKER, deal_event, match_event, match_fact, question_event, small_catalogue

CATALOGUE = small_catalogue()
DEALS: list[tuple[type[Event], dict[str, Any], str, list[UUID]]] = [
    (DealOffered, {"accepted_by": (HOLDER,)}, "deal.offered", [SEEKER]),
    (DealOffered, {"accepted_by": (SEEKER,)}, "deal.offered", [HOLDER]),
    (DealAgreed, {"accepted_by": (HOLDER, SEEKER)}, "deal.agreed", [HOLDER, SEEKER]),
    (DealReleased, {"answered_by": HOLDER}, "deal.released", [HOLDER, SEEKER]),
    (DealDeclined, {"answered_by": SEEKER, "had_accepted": (HOLDER,)}, "deal.declined", [HOLDER]),
    (DealDeclined, {"answered_by": SEEKER, "had_accepted": ()}, "deal.declined", []),
    (DealDeclined, {"answered_by": HOLDER, "had_accepted": (HOLDER,)}, "deal.declined", []),
    (DealVoided, {"answered_by": None, "had_accepted": (SEEKER,)}, "deal.voided", [SEEKER]),
    (DealVoided, {"answered_by": HOLDER, "had_accepted": (SEEKER,)}, "deal.voided", [SEEKER]),
    (DealVoided, {"answered_by": SEEKER, "had_accepted": (SEEKER,)}, "deal.voided", []),
]
MATCHES = [
    ("offer", (HOLDER, SEEKER), [SEEKER]),
    ("want", (HOLDER, SEEKER), [HOLDER]),
    ("offer", (HOLDER,), []),
    ("offer", (SEEKER,), [SEEKER]),
    ("want", (SEEKER,), []),
]


@pytest.mark.parametrize(("kind", "facts", "heard", "by"), DEALS)
def test_a_deal_is_heard_by_the_sides_that_the_rule_names(kind: type[Event], facts: dict[str, Any], heard: str, by: list[UUID]) -> None:
    event = deal_event(kind, version=3, **facts)

    notices = HEARD[kind](event, CATALOGUE, NOW)

    assert [notice.organisation_id for notice in notices] == by
    assert all((one.kind, one.subject_type, one.subject_id, one.version) == (heard, "deal", event.subject, 3) for one in notices)


@pytest.mark.parametrize(("cause", "told", "by"), MATCHES)
def test_a_match_is_heard_at_once_by_the_standing_side_alone_and_only_if_told(cause: str, told: tuple[UUID, ...], by: list[UUID]) -> None:
    event = match_event(cause=cause, told=told, version=2)

    notices = HEARD[MatchProposed](event, CATALOGUE, NOW)

    assert [notice.organisation_id for notice in notices] == by
    assert all(
        (one.kind, one.subject_type, one.subject_id, one.version) == ("match.proposed", "match", event.subject, 2) for one in notices
    )


def test_a_match_without_a_cause_or_with_a_foreign_one_is_refused() -> None:
    foreign = Cause(listing_id=new_id(), version=1, partition=0, count=1)

    for fact in (match_fact(cause=None), match_fact().model_copy(update={"cause": foreign})):
        with pytest.raises(ValueError, match="cause"):
            HEARD[MatchProposed](match_event(fact), CATALOGUE, NOW)


def test_nobody_hears_of_what_lapses_nor_of_a_listing() -> None:
    silent = {kind for kind in EVENT_TYPES.values() if kind not in HEARD}

    assert MatchLapsed in silent
    assert all(kind.SOURCE == "/listings" for kind in silent - {MatchLapsed})


@pytest.mark.parametrize("side", ["offer", "want"])
def test_the_holder_of_a_stale_listing_is_asked_and_told_how_to_answer(side: Literal["offer", "want"]) -> None:
    event = question_event(side, version=3)

    (notice,) = HEARD[HolderAsked](event, CATALOGUE, NOW)

    assert (notice.kind, notice.organisation_id, notice.version) == ("listing.lapsing", HOLDER, 3)
    assert (notice.subject_type, notice.subject_id) == (side, event.subject)
    answer = notice.shown(None).answer
    assert answer is not None
    assert (answer.method, answer.path) == ("POST", f"/v1/{side}s/{event.subject}/keep")


def test_only_a_telling_counts_when_it_comes_late() -> None:
    assert frozenset({MatchProposed}) == EVEN_IF_LATE


def gathered(score: float, *, is_told: bool = True, distance_km: float = 5.0, counterpart: UUID | None = None) -> Gathered:
    counterpart = counterpart or new_id()
    return Gathered(f"match of {counterpart}", counterpart, is_told, Pair(COTTON, 100, distance_km, score))


def test_the_notice_of_a_listing_waits_for_every_event_of_its_ranking() -> None:
    match = match_fact(count=3, partition=7)
    events = [gathered(0.6), gathered(0.9), gathered(0.8, is_told=False)]

    assert listing_notice(match, events[:2], CATALOGUE, NOW) is None

    notice = listing_notice(match, events, CATALOGUE, NOW)
    assert notice is not None
    assert (notice.kind, notice.subject_type, notice.subject_id) == ("listing.matched", "offer", str(match.offer_id))
    assert (notice.organisation_id, notice.version, notice.partition) == (HOLDER, 1, 7)
    assert notice.matches == [events[1].match_id, events[0].match_id]


def test_the_notice_of_a_want_goes_to_its_seeker() -> None:
    match = match_fact(cause="want")

    notice = listing_notice(match, [gathered(0.9)], CATALOGUE, NOW)

    assert notice is not None
    assert (notice.organisation_id, notice.subject_type, notice.subject_id) == (SEEKER, "want", str(match.want_id))


def test_a_listing_whose_holder_was_told_of_nothing_has_no_notice() -> None:
    assert listing_notice(match_fact(cause="want"), [gathered(0.9, is_told=False)], CATALOGUE, NOW) is None


def test_matches_that_tie_are_ordered_by_distance_and_then_by_counterpart() -> None:
    low, high = sorted((new_id(), new_id()))
    far, near_high, near_low = gathered(0.7, distance_km=9), gathered(0.7, counterpart=high), gathered(0.7 + 1e-12, counterpart=low)

    notice = listing_notice(match_fact(count=3), [far, near_high, near_low], CATALOGUE, NOW)

    assert notice is not None
    assert notice.matches == [near_low.match_id, near_high.match_id, far.match_id]
