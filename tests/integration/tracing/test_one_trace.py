"""One trace leads from the call that published an offer to the notice of its match, through two outboxes and the bus."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
Span = dict[str, Any]


def spans_of_a_trade(*where: str) -> list[Span]:
    command = [sys.executable, "-m", "tests.integration.tracing.traced_exchange", *where]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[Span] = json.loads(done.stdout)
    return found


def ancestors(span: Span, spans: list[Span]) -> list[str]:
    """The names from the root of its trace down to the span itself."""
    by_id = {one["id"]: one for one in spans}
    names = [span["name"]]
    while span["parent"] in by_id:
        span = by_id[span["parent"]]
        names.insert(0, span["name"])
    return names


def test_a_trace_leads_from_the_call_to_the_notice(empty_database: str) -> None:
    check_one_trace(spans_of_a_trade(empty_database))


def test_a_trace_leads_over_kafka_as_well(empty_database: str, kafka_servers: str) -> None:
    check_one_trace(spans_of_a_trade(empty_database, kafka_servers))


def check_one_trace(spans: list[Span]) -> None:
    """Hop by hop, and what is another's is not in it."""
    heard = next(one for one in spans if one["name"] == "hear pe.ayni.match.proposed.v1")
    call, *rest = ancestors(heard, spans)
    assert call.startswith("POST"), "the gateway's span is the root"
    assert rest == [
        "POST /v1/offers",
        "send ayni.standing",
        "match pe.ayni.offer.published.v1",
        "send ayni.matches",
        "hear pe.ayni.match.proposed.v1",
    ]
    trace = [one for one in spans if one["trace"] == heard["trace"]]
    assert {"SERVER", "PRODUCER", "CONSUMER"} <= {one["kind"] for one in trace}
    assert "match pe.ayni.want.published.v1" not in {one["name"] for one in trace}, "the want has a trace of its own"
