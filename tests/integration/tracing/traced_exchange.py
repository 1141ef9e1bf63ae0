"""An exchange in a process of its own whose spans stay in memory: an offer and a want meet in it, then the spans are printed as JSON.

A process of its own, because OpenTelemetry takes one tracer provider a process and keeps it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from contracts.catalogue import load_catalogue
from infra.database import ROLES, prepare_database
from infra.embedded.composition import Outward, Secrets
from infra.embedded.parts import build_parts, postgres_bus
from infra.topics import BUS_TOPICS
from kit.bus import Bus
from kit.bus_kafka import KafkaBus, ensure_topics
from kit.telemetry import configure_logging
from tests.e2e.people import joining, offer_body, want_body

LAST = "hear pe.ayni.match.proposed.v1"
SECRETS = Secrets(
    dict.fromkeys(ROLES, "secret"),
    "internal-token-of-a-test",
    "token-secret-of-a-test-that-is-long-enough",
    "link-secret-of-a-test-long-enough",
)


class Heard(SpanProcessor):
    """Wakes whoever waits for the end of the story."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def on_end(self, span: ReadableSpan) -> None:
        if span.name == LAST:
            self.event.set()


def kafka_bus(servers: str, _: str, name: str) -> Bus:
    return KafkaBus(servers, name=f"{name}-bus", topics=BUS_TOPICS)


async def main(admin_dsn: str, kafka: str | None) -> list[dict[str, Any]]:
    """kafka: the brokers; None: the bus is the log in PostgreSQL."""
    exporter, heard, provider = InMemorySpanExporter(), Heard(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.add_span_processor(heard)
    trace.set_tracer_provider(provider)
    await prepare_database(admin_dsn, SECRETS.passwords)
    async with AsyncExitStack() as stack:
        mails = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        outward = Outward("http://ayni", None, None, mails)
        make_bus: Callable[[str, str], Bus] = postgres_bus
        if kafka is not None:
            await ensure_topics(kafka, BUS_TOPICS)
            make_bus = partial(kafka_bus, kafka)
        parts, buses = build_parts(admin_dsn, SECRETS, load_catalogue(), outward, make_bus=make_bus)
        for bus in buses:
            await bus.start()
            stack.push_async_callback(bus.stop)
        for part in parts:
            await stack.enter_async_context(part.app.router.lifespan_context(part.app))
        http = await stack.enter_async_context(httpx.AsyncClient(transport=httpx.ASGITransport(parts[-1].app), base_url="http://ayni"))
        await trade(http)
        async with asyncio.timeout(300):
            await heard.event.wait()
    return [described(span) for span in exporter.get_finished_spans()]


async def trade(http: httpx.AsyncClient) -> None:
    """A want stands; the offer that fits it comes."""
    for kind, path, body in (("cooperative", "/v1/wants", want_body()), ("firm", "/v1/offers", offer_body())):
        joined = (await http.post("/v1/organisations", json=joining(kind))).raise_for_status().json()
        (await http.post(path, json=body, headers={"Authorization": f"Bearer {joined['token']}"})).raise_for_status()


def described(span: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "kind": span.kind.name,
        "trace": format(span.context.trace_id, "032x"),
        "id": format(span.context.span_id, "016x"),
        "parent": format(span.parent.span_id, "016x") if span.parent else None,
    }


if __name__ == "__main__":
    configure_logging()
    json.dump(asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)), sys.stdout)
