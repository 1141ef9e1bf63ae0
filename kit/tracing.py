"""One trace from a call through the outbox, the bus, a match and a notice (OpenTelemetry, W3C Trace Context).

FastAPI makes the spans of calls, and sends all spans where OTEL_EXPORTER_OTLP_ENDPOINT says; this module carries the trace from hop to hop.
Load-bearing: an event keeps the `traceparent` of the moment in which it was made, in its outbox row, so that a trace outlives the process.
Where nobody collects traces there is none to carry, and nothing of this costs anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from kit.bus import Message

TRACEPARENT = "traceparent"
UNTRACED = frozenset({"/healthz", "/readyz", "/metrics"})
OF_APPS: TelemetryConfig = {
    "auto_configure": True,
    "tracing": True,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "exclude": lambda scope: scope.get("path") in UNTRACED,
}

_carrier = TraceContextTextMapPropagator()


def carried() -> str | None:
    """The `traceparent` of what is being done now; None outside any trace."""
    found: dict[str, str] = {}
    _carrier.inject(found)
    return found.get(TRACEPARENT)


def carrying() -> dict[str, str]:
    """The header that takes the trace along on a call; none outside any trace."""
    here = carried()
    return {TRACEPARENT: here} if here else {}


@contextmanager
def following(traceparent: str | None, name: str, kind: SpanKind = SpanKind.CONSUMER, **attributes: Any) -> Iterator[None]:
    """What happens inside goes on with the trace of an event; without one it is of none."""
    if traceparent is None:
        yield
        return
    context = _carrier.extract({TRACEPARENT: traceparent})
    with trace.get_tracer("ayni").start_as_current_span(name, context, kind, attributes):
        yield


@contextmanager
def sending(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """The messages, each carrying on from a span of its own that ends when they are sent."""
    with ExitStack() as spans:
        yield [_sent(message, spans) for message in messages]


def _sent(message: Message, spans: ExitStack) -> Message:
    traceparent = message.headers.get(TRACEPARENT)
    if traceparent is None:
        return message
    tracer, context = trace.get_tracer("ayni"), _carrier.extract({TRACEPARENT: traceparent})
    span = tracer.start_span(f"send {message.topic}", context, SpanKind.PRODUCER, {"messaging.destination.name": message.topic})
    spans.callback(span.end)
    headers = dict(message.headers)
    _carrier.inject(headers, trace.set_span_in_context(span))
    return replace(message, headers=headers)
