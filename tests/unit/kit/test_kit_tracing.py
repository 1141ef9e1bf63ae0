"""What is carried from hop to hop is W3C Trace Context; without a trace nothing is added and nothing is changed."""

from opentelemetry import trace

from kit.bus import Message
from kit.tracing import carried, carrying, following, sending

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def message(headers: dict[str, str]) -> Message:
    return Message("ayni.offers", None, "k", headers, b"{}")


def test_outside_any_trace_nothing_is_carried() -> None:
    assert carried() is None
    assert carrying() == {}
    with following(None, "match"):
        assert carried() is None


def test_what_follows_an_event_carries_its_trace_on() -> None:
    with following(PARENT, "match"):
        assert carrying()["traceparent"].split("-")[1] == PARENT.split("-")[1]
    assert carried() is None


def test_a_traceparent_that_is_none_starts_nothing() -> None:
    with following("nonsense", "match"):
        assert not trace.get_current_span().get_span_context().is_valid


def test_a_message_of_no_trace_is_sent_as_it_is() -> None:
    plain, traced = message({"ce_id": "1"}), message({"ce_id": "2", "traceparent": PARENT})
    with sending([plain, traced]) as sent:
        assert sent[0] is plain
        assert sent[1].headers["ce_id"] == "2"
        assert sent[1].headers["traceparent"].split("-")[1] == PARENT.split("-")[1]
        assert (sent[1].topic, sent[1].key, sent[1].value) == (traced.topic, traced.key, traced.value)
