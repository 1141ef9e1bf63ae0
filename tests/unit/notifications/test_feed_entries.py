"""What an event's entry in the feed is: who sees it, what the filters compare, and in which order it is taken."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from contracts.envelope import CloudEvent, Event
from contracts.listings import DealAgreed, OfferChanged
from contracts.matching import MatchLapsed
from kit.pagination import cursor
from kit.problems import Unprocessable
from services.notifications.feed import StoredEntry, Visibility, entry_of, position_of, visibility_of
from services.notifications.repository.feed import Known
from services.notifications.schemas import types_of
from services.notifications.service.notices import sort_out
from tests.unit.notifications.facts import COTTON, HOLDER, PET, SEEKER, deal_event, match_event, offer_event, small_catalogue, want_event

CATALOGUE = small_catalogue()
NOTHING = Known(frozenset(), {})


@dataclass(frozen=True)
class Case:
    event: Event
    seen_as: Visibility


@pytest.mark.parametrize(
    "case",
    [
        Case(offer_event(), Visibility(None, ("textile",), "Lima")),
        Case(offer_event(department=None), Visibility(None, ("textile",), "")),
        Case(offer_event(material="new.code"), Visibility(None, (), "Lima")),
        Case(want_event(accepts=(COTTON, PET, COTTON)), Visibility(None, ("textile", "plastic"), "Lima")),
        Case(match_event(told=(SEEKER,)), Visibility((SEEKER,))),
        Case(match_event(kind=MatchLapsed, cause=None), Visibility((HOLDER, SEEKER))),
        Case(deal_event(DealAgreed), Visibility((HOLDER, SEEKER))),
    ],
)
def test_everybody_sees_listings_and_only_those_concerned_see_matches_and_deals(case: Case) -> None:
    assert visibility_of(case.event, CATALOGUE) == case.seen_as


def test_an_entry_is_told_as_a_cloud_event_with_its_cursor() -> None:
    event = offer_event(version=4)
    entry = entry_of(event, CATALOGUE)

    told = CloudEvent.model_validate_json(StoredEntry(17, entry.visibility, entry.event).told())

    assert (told.id, told.type, told.subject, told.ayniversion) == (event.id, event.TYPE, event.subject, 4)
    assert (told.source, told.specversion, told.datacontenttype) == ("/listings", "1.0", "application/json")
    assert told.data == json.loads(event.value())
    assert position_of(told.aynicursor) == 17


def test_an_event_is_taken_once_and_one_whose_version_has_passed_comes_late() -> None:
    first, stored = offer_event(version=1), offer_event(version=1)
    second = offer_event(OfferChanged, version=2, subject=first.data.id)  # type: ignore[attr-defined]
    entries = [entry_of(event, CATALOGUE) for event in (second, first, second, stored)]

    found = sort_out(entries, Known(frozenset({stored.id}), {stored.subject: 1}))

    assert [entry.event_id for entry in found.new] == [second.id]
    assert [entry.event_id for entry in found.late] == [first.id]


def test_events_of_one_subject_are_all_new_while_their_versions_grow() -> None:
    first = offer_event(version=1)
    second = offer_event(OfferChanged, version=2, subject=first.data.id)  # type: ignore[attr-defined]

    found = sort_out([entry_of(first, CATALOGUE), entry_of(second, CATALOGUE)], NOTHING)

    assert [entry.event_id for entry in found.new] == [first.id, second.id]
    assert found.late == ()


@pytest.mark.parametrize(
    "text", ["", "latest ", "no cursor", "\0", cursor("notices", 3), cursor("feed"), cursor("feed", -1), cursor("feed", 2**63)]
)
def test_a_cursor_that_is_not_of_the_feed_is_refused(text: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        position_of(text)

    assert refusal.value.errors[0].field == "after"


def test_types_are_full_types_and_an_unknown_one_is_refused_by_name() -> None:
    assert types_of(None) == types_of("") == ()
    assert types_of(f"{OfferChanged.TYPE}, {DealAgreed.TYPE}") == (OfferChanged.TYPE, DealAgreed.TYPE)
    with pytest.raises(Unprocessable, match=r"offer\.changed"):
        types_of("offer.changed")
