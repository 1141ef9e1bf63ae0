"""The consumers of docs/integrators.md, run as they stand there against a real broker: what is published comes out of both."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contracts.documents import schema_of
from contracts.envelope import EVENT_TYPES
from contracts.examples import example_of
from contracts.topics import OFFERS, TOPICS, WANTS
from infra.kafka.jars import ENDPOINTS, TOOLS, java, resolved
from kit.bus import Message, Topic
from kit.bus_kafka import KafkaBus, ensure_topics
from kit.ids import new_id

PAGE = (Path(__file__).parents[3] / "docs" / "integrators.md").read_text("utf-8")
PUBLISHED, CHANGED, WITHDRAWN = (EVENT_TYPES[f"pe.ayni.offer.{verb}.v1"] for verb in ("published", "changed", "withdrawn"))
WANTED = EVENT_TYPES["pe.ayni.want.published.v1"]


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def message(kind: Any, topic: str, subject: uuid.UUID, version: int) -> Message:
    data = kind.data_class().model_validate(example_of(kind) | {"id": str(subject), "version": version})
    event = kind(id=new_id(), time=data.updated_at, subject=str(subject), version=version, data=data)
    return Message(topic, 0, event.key, event.headers(), event.value())


@pytest.fixture
async def told(kafka_servers: str) -> tuple[str, str, str, str]:
    """The servers; an offer that stands at its second version, one that was withdrawn, a want. All was told twice, the newest first."""
    await ensure_topics(kafka_servers, [Topic(one.name, one.partitions, one.retention_hours, one.is_compacted) for one in TOPICS])
    stands, gone, want = new_id(), new_id(), new_id()
    batch = [
        message(PUBLISHED, OFFERS, stands, 2),
        message(PUBLISHED, OFFERS, gone, 2),
        message(CHANGED, OFFERS, stands, 3),
        message(WITHDRAWN, OFFERS, gone, 3),
        message(WANTED, WANTS, want, 2),
    ]
    bus = KafkaBus(kafka_servers, name="integrators")
    await bus.start()
    try:
        async with bus.publisher("relay.integrators") as publish:
            await publish([*batch, *batch[::-1]])
    finally:
        await bus.stop()
    return kafka_servers, str(stands), str(gone), str(want)


def test_the_python_consumer_keeps_the_table_of_open_listings(told: tuple[str, str, str, str]) -> None:
    servers, stands, gone, want = told
    environment = {**os.environ, "KAFKA": servers}
    for patience in (3000, 60_000):  # a broker that does other things may need longer than the page waits
        script = block("python").replace("timeout_ms=3000", f"timeout_ms={patience}")
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        listings = json.loads(done.stdout)
        if {stands, want} <= listings.keys() and gone not in listings:
            break
    assert listings[stands]["version"] == 3
    assert gone not in listings
    jsonschema.validate(listings[stands], schema_of(CHANGED))
    jsonschema.validate(listings[want], schema_of(WANTED))


def test_the_console_consumer_shows_headers_key_and_value(told: tuple[str, str, str, str]) -> None:
    servers, stands, _, _ = told
    words = block("sh").replace("\\\n", " ").replace('"$KAFKA"', servers).split()
    assert words[0] == "kafka-console-consumer"
    class_path = ":".join(map(str, resolved((*ENDPOINTS, TOOLS))))
    for patience in ("6000", "60000"):
        told_words = [patience if word == "6000" else word for word in words[1:]]
        command = [str(java()), "-Xmx256m", "-cp", class_path, "org.apache.kafka.tools.consumer.ConsoleConsumer", *told_words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if lines := [line for line in done.stdout.splitlines() if stands in line]:
            break
    assert lines, done.stdout[-1000:] + done.stderr[-1000:]
    headers, key, value = lines[0].split("\t")
    assert "ce_type:pe.ayni.offer.published.v1" in headers
    assert key == stands
    assert json.loads(value)["id"] == stands
