"""What a part is told of Kafka, and that timeouts which do not fit together are refused before anything starts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kit.bus import Topic
from kit.bus_kafka import KafkaSettings, KafkaTimeouts
from kit.bus_kafka.topics import configuration


@pytest.mark.parametrize(("session", "rebalance"), [(10, 36), (36, 10), (10, 35.5)])
def test_a_request_that_ends_before_a_rebalance_is_refused(session: float, rebalance: float) -> None:
    with pytest.raises(ValueError, match="a consumer would join for ever"):
        KafkaTimeouts(session, rebalance, request_seconds=40)


def test_a_request_that_outlasts_session_and_rebalance_by_five_seconds_is_taken() -> None:
    assert KafkaTimeouts(10, 35, request_seconds=40).rebalance_seconds == 35


def test_settings_that_do_not_fit_together_stop_the_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AYNI_KAFKA_SERVERS", "kafka:9092")
    monkeypatch.setenv("AYNI_KAFKA_SESSION_SECONDS", "45")

    with pytest.raises(ValidationError, match="request timeout is 40 s and must be 50 s or more"):
        KafkaSettings()


def test_without_servers_there_is_no_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AYNI_KAFKA_SERVERS", raising=False)

    with pytest.raises(ValidationError, match="servers"):
        KafkaSettings()


def test_a_password_is_asked_for_used_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"servers": "kafka:9093", "security": "SASL_PLAINTEXT", "user": "ayni"}
    with pytest.raises(ValidationError, match="needs a user and a password"):
        KafkaSettings(**given)

    settings = KafkaSettings(**given, password="canary")
    bus = settings.bus("listings")

    assert settings.credentials()["sasl_plain_password"] == "canary"
    assert "canary" not in repr(settings) + repr(bus._connection)


@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        (Topic("a", 1, 168), {"cleanup.policy": "delete", "retention.ms": "604800000", "min.compaction.lag.ms": "0"}),
        (Topic("a", 1, None), {"cleanup.policy": "delete", "retention.ms": "-1", "min.compaction.lag.ms": "0"}),
        (Topic("a", 1, 720, is_compacted=True), {"cleanup.policy": "compact", "retention.ms": "-1", "min.compaction.lag.ms": "2592000000"}),
        (Topic("a", 1, None, is_compacted=True), {"cleanup.policy": "compact", "retention.ms": "-1", "min.compaction.lag.ms": "0"}),
    ],
    ids=["for a time", "for ever", "compacted after a time", "compacted"],
)
def test_a_topic_is_kept_as_the_table_says(topic: Topic, wanted: dict[str, str]) -> None:
    found = configuration(topic)

    assert {name: found[name] for name in wanted} == wanted
