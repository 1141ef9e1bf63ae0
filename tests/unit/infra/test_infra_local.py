"""The way from `docker-compose.yml` to processes on this machine: what is read from it, and what alone is said otherwise."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from infra.distributed.compose import ComposeError, Service, interpolated, read_services
from infra.distributed.local import at_home, cast_of, hand_out, secret_of

PLACES = {"postgres:5432": "127.0.0.1:5001", "kafka:9092": "127.0.0.1:9101,127.0.0.1:9102", "listings:8000": "127.0.0.1:6001"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A", "1"),
        ("${A}", "1"),
        ("${A:-2}", "1"),
        ("${NO:-2}", "2"),
        ("${NO-2}", "2"),
        ("${EMPTY:-2}", "2"),
        ("${EMPTY-2}", ""),
        ("${NO}", ""),
        ("$NO", ""),
        ("${A:+yes}", "yes"),
        ("${NO:+yes}", ""),
        ("${EMPTY+yes}", "yes"),
        ("$$A", "$A"),
        ("a${A}b$${A}", "a1b${A}"),
        ("${NO:-Ayni <a@b>}", "Ayni <a@b>"),
    ],
)
def test_variables_are_replaced_as_the_specification_says(text: str, expected: str) -> None:
    assert interpolated({"x": [text, 1]}, {"A": "1", "EMPTY": ""}) == {"x": [expected, 1]}


def test_a_variable_that_must_be_given_is_named() -> None:
    with pytest.raises(ComposeError, match="NO must be given: say where"):
        interpolated("${NO:?say where}", {})


@pytest.mark.parametrize("text", ["", "services: 1", "[]", "services: {a: {environment: [A=b]}}"])
def test_a_file_that_is_no_compose_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "compose.yml").write_text(text)

    with pytest.raises(ComposeError):
        read_services(tmp_path / "compose.yml")


def test_secrets_and_needs_are_read_in_both_spellings(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(
        """
services:
  a:
    image: ayni:1
    command: [serve, a]
    environment: {A: 1, B: "${B:-c}", C: }
    secrets: [one, {source: two, target: three}]
    depends_on: {b: {condition: service_healthy}}
"""
    )

    found = read_services(tmp_path / "compose.yml")["a"]

    assert found.environment == {"A": "1", "B": "c", "C": ""}
    assert found.secrets == {"one": "one", "three": "two"}
    assert found.needs == {"b": "service_healthy"}


def test_addresses_are_replaced_wherever_they_stand_and_nothing_else_is() -> None:
    environment = {
        "AYNI_DATABASE_URL": "postgresql://listings@postgres:5432/ayni",
        "AYNI_KAFKA_SERVERS": "kafka:9092",
        "AYNI_LISTINGS_URL": "http://listings:8000,http://other-listings:8000,http://listings:80001",
        "AYNI_POOL_SIZE": "10",
    }

    assert at_home(environment, PLACES) == {
        "AYNI_DATABASE_URL": "postgresql://listings@127.0.0.1:5001/ayni",
        "AYNI_KAFKA_SERVERS": "127.0.0.1:9101,127.0.0.1:9102",
        "AYNI_LISTINGS_URL": "http://127.0.0.1:6001,http://other-listings:8000,http://listings:80001",
        "AYNI_POOL_SIZE": "10",
    }


@pytest.mark.parametrize("owners", [1, 2, 3])
def test_there_are_as_many_owners_as_asked_for_and_the_gateway_knows_them(owners: int) -> None:
    cast = cast_of(read_services(), owners, has_kafka=True)

    found = [one for one in cast.serving if one.command == ("serve", "matching")]
    assert [one.name for one in found] == [f"matching-{number}" for number in range(1, owners + 1)]
    assert [one.environment["AYNI_ADDRESS"] for one in found] == [f"http://{one.name}:8000" for one in found]
    assert [one.environment["AYNI_KAFKA_INSTANCE"] for one in found] == [one.name for one in found]
    assert cast.serving[-1].name == "gateway"
    assert cast.serving[-1].environment["AYNI_MATCHING_URL"].split(",") == [one.environment["AYNI_ADDRESS"] for one in found]


@pytest.mark.parametrize("has_kafka", [True, False])
def test_what_is_done_once_comes_first(has_kafka: bool) -> None:
    cast = cast_of(read_services(), 2, has_kafka=has_kafka)

    assert [one.name for one in cast.first] == (["migrate", "topics"] if has_kafka else ["migrate"])


def test_the_parts_are_told_what_the_file_says_and_nothing_more() -> None:
    services = read_services()

    for one in cast_of(services, 2, has_kafka=True).serving:
        assert one.environment.keys() == services[one.name].environment.keys()
        assert one.secrets == services[one.name].secrets


def test_a_file_without_a_gateway_is_refused() -> None:
    services = {name: one for name, one in read_services().items() if name != "gateway"}

    with pytest.raises(ComposeError):
        cast_of(services, 2, has_kafka=True)


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    made = secret_of(tmp_path, "token")

    assert secret_of(tmp_path, "token") == made
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_secrets_are_handed_out_under_the_names_that_a_part_knows(tmp_path: Path) -> None:
    kept, folder = tmp_path / "kept", tmp_path / "part"
    kept.mkdir()
    service = Service("a", "ayni:1", (), {}, {"ayni_token": "token", "ayni_password": "given"}, {})

    hand_out(service, kept, folder, {"given": "by the server"})

    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "ayni_token": secret_of(kept, "token"),
        "ayni_password": "by the server",
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
