"""The published contract of the events is what the classes say."""

import json
from datetime import UTC, datetime
from uuid import UUID

import jsonschema
import pytest

from contracts import examples
from contracts.catalogue import load_catalogue
from contracts.countries import country
from contracts.documents import ASYNCAPI, CHANNELS, SCHEMAS, asyncapi, documents, schema_of
from contracts.envelope import EVENT_TYPES, UnknownEventTypeError, read_event
from contracts.listings import Deal, DealAgreed, DealFact, OfferFact, WantFact
from contracts.matching import MatchFact
from services.matching.bucket import Rulebook
from tests.reference.scorer import judge

A, B, C, D = (UUID(int=number) for number in range(1, 5))
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FACT = DealFact(
    id=A,
    offer_id=B,
    want_id=C,
    state="agreed",
    quantity_kg="12.5",  # type: ignore[arg-type]  # as it is written on the wire
    accepted_by=(D, A),
    reason=None,
    version=3,
    created_at=NOW,
    updated_at=NOW,
    material="textile.cotton_offcuts",
    parties=(D, A),
    answered_by=D,
)


def test_committed_documents_are_what_the_classes_say() -> None:
    for file, text in documents().items():
        assert file.read_text("utf-8") == text, f"{file.name} is out of date: run `ayni contracts write`"
    assert {file.name for file in SCHEMAS.glob("*.json")} == {f"{name}.json" for name in EVENT_TYPES}


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_every_schema_is_a_json_schema_that_its_example_fits(name: str) -> None:
    schema = schema_of(EVENT_TYPES[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    for example in schema["examples"]:
        jsonschema.validate(example, schema, format_checker=jsonschema.FormatChecker())


def test_the_example_of_a_match_scores_as_it_says() -> None:
    rules = Rulebook(load_catalogue(), country())
    offer, want = (fact.model_validate(example) for fact, example in ((OfferFact, examples.OFFER), (WantFact, examples.WANT)))
    verdict = judge(rules.offer_row(offer), rules.want_row(want, "textile"))
    told = MatchFact.model_validate(examples.MATCH)
    assert verdict.closed == ()
    assert rules.receipt(offer, want).slug is None
    assert (told.score, told.distance_km, told.quantity_kg) == pytest.approx(
        (verdict.score, verdict.distance_km, verdict.quantity_kg), abs=1e-9
    )
    assert told.factors.model_dump() == pytest.approx(verdict.factors, abs=1e-9)


def test_every_event_is_on_one_channel() -> None:
    told = [event for kind in CHANNELS.values() for event in EVENT_TYPES.values() if issubclass(event, kind)]
    assert sorted(event.TYPE for event in told) == sorted(EVENT_TYPES)
    assert ASYNCAPI.is_file()
    assert set(asyncapi()["channels"]) == set(CHANNELS)


def test_an_event_survives_the_bus_and_fits_its_schema() -> None:
    event = DealAgreed(id=B, time=NOW, subject=str(A), version=3, data=FACT, correlation_id="c-1")
    assert read_event(event.headers(), event.value()) == event
    jsonschema.validate(json.loads(event.value()), schema_of(DealAgreed))


def test_a_field_that_a_reader_does_not_know_is_passed_over() -> None:
    event = DealAgreed(id=B, time=NOW, subject=str(A), version=3, data=FACT)
    grown = json.dumps(json.loads(event.value()) | {"colour": "red"}).encode()
    assert read_event(event.headers(), grown).data == FACT


def test_an_unknown_type_is_named() -> None:
    event = DealAgreed(id=B, time=NOW, subject=str(A), version=3, data=FACT)
    with pytest.raises(UnknownEventTypeError, match=r"pe\.ayni\.deal\.agreed\.v9"):
        read_event(event.headers() | {"ce_type": "pe.ayni.deal.agreed.v9"}, event.value())


def test_a_value_that_is_not_of_its_type_is_an_error() -> None:
    event = DealAgreed(id=B, time=NOW, subject=str(A), version=3, data=FACT)
    with pytest.raises(ValueError, match="validation error"):
        read_event(event.headers(), b'{"id": 1}')


def test_what_an_event_tells_is_the_deal_that_people_see() -> None:
    assert Deal.model_fields.keys() <= DealFact.model_fields.keys()
