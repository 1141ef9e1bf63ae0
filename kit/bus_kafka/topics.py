"""Topics: made from a table, looked up by everybody, never given another number of partitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from kit.bus import Topic, TopicMismatchError
from kit.bus_kafka.connection import LARGEST_MESSAGE_BYTES, Connection, translated
from kit.bus_kafka.quiet import quieten

REPLICAS = 3
LOOK_SECONDS = 5.0
ASK_ANOTHER_SECONDS = 0.1
APPLY_SECONDS = 30.0
MILLISECONDS_AN_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class View:
    """What a cluster says of itself. partitions: by topic."""

    cluster_id: str
    brokers: frozenset[int]
    partitions: Mapping[str, int]


async def look(connection: Connection) -> View:
    """As it is now. Asks for all topics, because to ask for one by name may make it. Raises ConnectionError."""
    async with _administrator(connection, LOOK_SECONDS) as admin:
        return await _view(admin)


async def brokers_of(servers: str) -> frozenset[int]:
    """The numbers of the brokers that are in the cluster; none while it does not answer."""
    quieten()
    with suppress(OSError):
        return (await look(Connection(servers, "ayni-look"))).brokers
    return frozenset()


async def ensure_topics(servers: str, topics: Iterable[Topic], credentials: Mapping[str, Any] | None = None) -> None:
    """Make what is missing, on as many brokers as there are up to three; take over retention and compaction.

    Raises TopicMismatchError, with nothing changed, on another partition count; ConnectionError."""
    quieten()
    wanted = sorted(topics, key=lambda one: one.name)
    async with _administrator(Connection(servers, "ayni-topics", credentials=credentials or {}), APPLY_SECONDS) as admin:
        view = await _view(admin)
        check_counts(wanted, view.partitions)
        missing = [one for one in wanted if one.name not in view.partitions]
        if missing:
            await _create(admin, missing, min(len(view.brokers), REPLICAS))
            check_counts(wanted, (await _view_with(admin, missing)).partitions)
        if present := [one for one in wanted if one.name in view.partitions]:
            await _configure(admin, present)


def check_counts(wanted: Iterable[Topic], partitions: Mapping[str, int]) -> None:
    """Raises TopicMismatchError where one is there with another number."""
    for topic in wanted:
        found = partitions.get(topic.name, topic.partitions)
        if found != topic.partitions:
            raise TopicMismatchError(
                f"topic {topic.name} has {found} partitions and {topic.partitions} are wanted: keys would move to other partitions,"
                " and their order would be lost. Make a new topic instead"
            )


def configuration(topic: Topic) -> dict[str, str]:
    """A topic's settings. Of a compacted topic only what a newer record of the same key has replaced goes, after its retention."""
    hours = topic.retention_hours
    kept = str(hours * MILLISECONDS_AN_HOUR if hours is not None else -1)
    shape = (
        {"cleanup.policy": "compact", "min.compaction.lag.ms": str(max(0, int(kept))), "retention.ms": "-1"}
        if topic.is_compacted
        else {"cleanup.policy": "delete", "min.compaction.lag.ms": "0", "retention.ms": kept}
    )
    return {**shape, "max.message.bytes": str(LARGEST_MESSAGE_BYTES), "message.timestamp.type": "LogAppendTime"}


@asynccontextmanager
async def _administrator(connection: Connection, seconds: float) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection.options(request_seconds=seconds))
    try:
        async with asyncio.timeout(seconds):
            with translated(f"Kafka at {connection.servers} does not answer"):
                await admin.start()
                yield admin
    finally:
        await admin.close()


async def _view(admin: AIOKafkaAdminClient) -> View:
    """Asks a broker at random, so until it has asked one that is there; the time is bounded by whoever opened the client."""
    while True:
        try:
            topics, cluster = await admin.describe_topics(), await admin.describe_cluster()
            break
        except errors.NodeNotReadyError:
            await asyncio.sleep(ASK_ANOTHER_SECONDS)
    return View(
        cluster_id=cluster["cluster_id"],
        brokers=frozenset(broker["node_id"] for broker in cluster["brokers"]),
        partitions={one["topic"]: len(one["partitions"]) for one in topics if not one["error_code"]},
    )


async def _view_with(admin: AIOKafkaAdminClient, topics: Iterable[Topic]) -> View:
    """A broker hears of a new topic a moment after the controller has made it."""
    names, view = {topic.name for topic in topics}, await _view(admin)
    while not names <= view.partitions.keys():
        await asyncio.sleep(ASK_ANOTHER_SECONDS)
        view = await _view(admin)
    return view


async def _create(admin: AIOKafkaAdminClient, topics: list[Topic], replicas: int) -> None:
    asked = [NewTopic(one.name, one.partitions, replicas, topic_configs=configuration(one)) for one in topics]
    answer = await admin.create_topics(asked)
    _check_answer((name, code, message) for name, code, message in answer.topic_errors)


async def _configure(admin: AIOKafkaAdminClient, topics: list[Topic]) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, one.name, configs=configuration(one)) for one in topics]
    for answer in await admin.alter_configs(resources):
        _check_answer((name, code, message) for code, message, _, name in answer.resources)


def _check_answer(results: Iterable[tuple[str, int, Any]]) -> None:
    """What somebody else has just made is as good. Raises the broker's own error."""
    for name, code, message in results:
        error = errors.for_code(code)
        if error not in (errors.NoError, errors.TopicAlreadyExistsError):
            raise error(f"topic {name}: {message}")
