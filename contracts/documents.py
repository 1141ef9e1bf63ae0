"""The published contract of the events, made from the classes: one JSON Schema a type, and `asyncapi.yaml` (AsyncAPI 3.0).

Both are committed, so that integrators read them and a change shows in a diff; a test compares them with what the classes say now.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from contracts import listings, matching
from contracts.envelope import EVENT_TYPES, Event
from contracts.examples import example_of
from contracts.topics import DEALS, MATCHES, OFFERS, TOPICS, WANTS, TopicSpec

HERE = Path(__file__).parent
SCHEMAS = HERE / "schemas"
ASYNCAPI = HERE / "asyncapi.yaml"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
CHANNELS: dict[str, type[Event]] = {
    OFFERS: listings.OfferEvent,
    WANTS: listings.WantEvent,
    DEALS: listings.DealEvent,
    MATCHES: matching.MatchEvent,
}
HEADERS = {
    "type": "object",
    "description": "CloudEvents 1.0, binary mode (Kafka protocol binding 1.0.2)",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_ayniversion", "content-type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "Unique to the event: drop one that you have seen"},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string"},
        "ce_subject": {"type": "string", "description": "The id of what happened to"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_partitionkey": {"type": "string", "description": "The subject: events of one subject keep their order"},
        "ce_ayniversion": {"type": "string", "pattern": "^[0-9]+$", "description": "Grows with every event of one subject"},
        "ce_correlationid": {"type": "string", "description": "The call or message that caused it"},
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string", "description": "The trace that it belongs to (W3C Trace Context), where traces are collected"},
    },
}


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's data."""
    found = event.data_class().model_json_schema(mode="serialization")
    title = {"$schema": DRAFT, "$id": f"{event.TYPE}.json", "title": event.__name__, "description": event.__doc__ or ""}
    return found | title | {"examples": [example_of(event)]}


def asyncapi() -> dict[str, Any]:
    """The document of the public topics."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ayni events",
            "version": "1",
            "description": "Every fact of the exchange. Events come at least once, in order for one subject; types only grow. What concerns"
            " two sides (matches, deals) goes to them over HTTP (GET /v1/events, GET /v1/stream), not to readers of the topics at large.",
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(name, kind) for name, kind in CHANNELS.items()},
        "operations": {_operation(name): _receive(name) for name in CHANNELS},
        "components": {"messages": {event.__name__: _message(event) for event in EVENT_TYPES.values()}},
    }


def _events_of(kind: type[Event]) -> list[type[Event]]:
    return [event for event in EVENT_TYPES.values() if issubclass(event, kind)]


def _channel(name: str, kind: type[Event]) -> dict[str, Any]:
    topic = next(one for one in TOPICS if one.name == name)
    messages = {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"} for event in _events_of(kind)}
    return {"address": name, "description": _kept(topic), "messages": messages, "bindings": {"kafka": _kafka(topic)}}


def _kept(topic: TopicSpec) -> str:
    kept = "for ever" if topic.retention_hours is None else f"for {topic.retention_hours // 24} days at least"
    return f"Every event {kept}; the last one of every subject for ever." if topic.is_compacted else f"Every event {kept}."


def _kafka(topic: TopicSpec) -> dict[str, Any]:
    """The binding takes no `min.compaction.lag.ms`, which is what keeps the whole story of a compacted topic: the description says it."""
    kafka: dict[str, Any] = {"partitions": topic.partitions, "bindingVersion": "0.5.0"}
    policy: dict[str, Any] = {"cleanup.policy": ["compact" if topic.is_compacted else "delete"]}
    if topic.retention_hours is not None and not topic.is_compacted:
        policy["retention.ms"] = topic.retention_hours * 3_600_000
    return kafka | {"topicConfiguration": policy}


def _operation(name: str) -> str:
    return "read" + name.rpartition(".")[2].capitalize()


def _receive(name: str) -> dict[str, Any]:
    return {"action": "receive", "channel": {"$ref": f"#/channels/{name}"}}


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.TYPE,
        "title": event.__name__,
        "summary": event.__doc__ or "",
        "headers": HEADERS,
        "payload": {"$ref": f"./schemas/{event.TYPE}.json"},
        "examples": [{"name": event.__name__, "payload": example_of(event)}],
        "bindings": {"kafka": {"key": {"type": "string", "description": "The subject"}}},
    }


def documents() -> dict[Path, str]:
    """Every file of the contract, by its path, as the classes say it now."""
    found = {
        SCHEMAS / f"{event.TYPE}.json": json.dumps(schema_of(event), indent=2, ensure_ascii=False) + "\n" for event in EVENT_TYPES.values()
    }
    found[ASYNCAPI] = yaml.dump(asyncapi(), Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=140)
    return found


class _NoAliases(yaml.SafeDumper):
    """Writes the headers out each time: a reader should not have to chase an anchor."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write_documents() -> list[Path]:
    """Writes the contract beside this file, and removes what is no event any more. Gives what was written."""
    wanted = documents()
    SCHEMAS.mkdir(exist_ok=True)
    for file in SCHEMAS.glob("*.json"):
        if file not in wanted:
            file.unlink()
    for file, text in wanted.items():
        file.write_text(text, "utf-8")
    return sorted(wanted)
