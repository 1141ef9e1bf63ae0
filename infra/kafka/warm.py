"""Java's ahead-of-time cache for the broker: it starts in a third of the time, for half of the processor's (1.6 s for 4.6 s, measured).

Made once a machine, by a training run that is begun and stopped. Without it everything works, and takes longer.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from time import monotonic, sleep

from infra.embedded.lock import waited_for
from infra.kafka.jars import KAFKA, jar_cache, java
from infra.kafka.properties import HOST, LOGGING, Node, properties

HEAP = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
HUSH = ("-Xlog:disable", "-Xlog:all=error", "--sun-misc-unsafe-memory-access=allow")  # what Java has to say of itself and of its future
TRAINING_SECONDS = 90.0
CLUSTER_ID = "AAAAAAAAAAAAAAAAAAAAAA"


def java_command(class_path: list[Path], *words: str, warm: bool = True) -> list[str]:
    """Java over Kafka's jars, with the words: options first, then the main class and its own. Raises KafkaServerError."""
    cache = cache_path()
    ready = [f"-XX:AOTCache={cache}"] if warm and cache.exists() else []
    at = next(at for at, word in enumerate(words) if not word.startswith("-"))
    return [str(java()), *HEAP, *HUSH, *ready, *words[:at], "-cp", ":".join(map(str, class_path)), *words[at:]]


def cache_path() -> Path:
    """Of this Kafka on this Java."""
    return jar_cache() / f"kafka-{KAFKA}-{java().stat().st_mtime_ns:x}.aot"


def warm_up(class_path: list[Path]) -> None:
    """Make the cache where it is missing. Whoever comes second waits for the first. Raises KafkaServerError where there is no Java."""
    if cache_path().exists():
        return
    with waited_for(jar_cache()):
        if not cache_path().exists():
            folder = Path(tempfile.mkdtemp(dir=jar_cache(), prefix="training-"))
            try:
                _train(class_path, folder)
            finally:
                shutil.rmtree(folder)


def _train(class_path: list[Path], folder: Path) -> None:
    node = Node(1, *_two_ports())
    (folder / "server.properties").write_text(properties(node, [node], folder / "data"))
    (folder / "log4j2.properties").write_text(LOGGING)
    tool = ("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", "server.properties")
    subprocess.run(java_command(class_path, *tool), cwd=folder, capture_output=True, check=False, timeout=TRAINING_SECONDS)  # noqa: S603
    made = folder / "kafka.aot"
    options = (f"-XX:AOTCacheOutput={made}", "-Dlog4j2.configurationFile=log4j2.properties")
    command = java_command(class_path, *options, "kafka.Kafka", "server.properties")
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:  # noqa: S603
        try:
            _wait_until_it_listens(broker, node.port)
            broker.terminate()
            broker.wait(TRAINING_SECONDS)
        except subprocess.TimeoutExpired:
            broker.kill()
    if made.exists() and broker.returncode in (0, 143):
        made.rename(cache_path())


def _wait_until_it_listens(broker: subprocess.Popen[bytes], port: int) -> None:
    deadline = monotonic() + TRAINING_SECONDS
    while broker.poll() is None and monotonic() < deadline and not is_open(port):
        sleep(0.1)


def is_open(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _two_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        return one.getsockname()[1], other.getsockname()[1]
