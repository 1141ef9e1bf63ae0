"""`ayni topics apply`: Kafka's topics as the one table says (`contracts/topics.py`)."""

from __future__ import annotations

import argparse
import asyncio

from infra.commands.command import Arguments, Command, Group, on_loop
from infra.commands.excuses import CannotError
from infra.distributed.settings import told
from infra.topics import BUS_TOPICS
from kit.bus_kafka import KafkaSettings, ensure_topics
from kit.transient import backoff_seconds


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--servers", help="Kafka's brokers, host:port with commas (AYNI_KAFKA_SERVERS)")
    parser.add_argument("--wait", type=float, default=60.0, metavar="SECONDS", help="how long to wait for the brokers (default: 60)")


def _apply(arguments: Arguments) -> None:
    settings = told(KafkaSettings, **({"servers": arguments.servers} if arguments.servers else {}))
    on_loop(apply(settings, arguments.wait))
    print(f"{len(BUS_TOPICS)} topics are as this release wants them at {settings.servers}")  # noqa: T201 - for people


async def apply(settings: KafkaSettings, wait_seconds: float) -> None:
    """Tried again while no broker answers; one line says that it waits. Raises CannotError, TopicMismatchError."""
    loop = asyncio.get_running_loop()
    deadline, failures = loop.time() + wait_seconds, 0
    while True:
        try:
            await ensure_topics(settings.servers, BUS_TOPICS, settings.credentials())
            return
        except OSError as error:
            failures += 1
            pause = backoff_seconds(failures)
            if loop.time() + pause > deadline:
                raise CannotError(f"Kafka at {settings.servers} does not answer: {error}") from error
            if failures == 1:
                print(f"waiting for Kafka at {settings.servers}", flush=True)  # noqa: T201 - for people
            await asyncio.sleep(pause)


TOPICS = Group("topics", "Kafka's topics.", (Command("apply", "Make the topics, or bring them up to this release.", _options, _apply),))
