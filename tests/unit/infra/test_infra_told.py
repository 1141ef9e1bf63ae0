"""What a process is told: by the environment or by files, under one name; and secrets that are none are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from infra.distributed.secrets import SampleSecretError
from infra.distributed.settings import DoorSettings, PartsCallSettings, PreparingSettings, told
from kit.forwarding_http import IDLE_SECONDS
from kit.settings import PartSettings, plain, with_password
from services.listings.settings import ListingsSettings
from services.notifications.settings import NotificationsSettings

TOKEN, OTHER, PASSWORD = "kX2vQ9_hT4mZ7bLw1RpNcY6sJ0gDfE3aU8iO", "Zq8-rT5nW2yB6uHd3KfMvX1lS7pCgN4jA0tE", "p@ss/w:rd%Zq8rT5nW2y"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What listings must be told."""
    monkeypatch.setenv("AYNI_DATABASE_URL", "postgresql://listings@database:5432/ayni")
    monkeypatch.setenv("AYNI_INTERNAL_TOKEN", TOKEN)
    monkeypatch.setenv("AYNI_TOKEN_SECRET", OTHER)
    return monkeypatch


def test_a_setting_comes_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AYNI_POOL_SIZE", "3")

    assert told(ListingsSettings).pool_size == 3


def test_a_secret_comes_from_a_file_of_the_same_name(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.delenv("AYNI_TOKEN_SECRET")
    environment.setenv("AYNI_SECRETS_DIR", str(tmp_path))
    (tmp_path / "ayni_token_secret").write_text(f"{TOKEN}\n")

    assert plain(told(ListingsSettings).token_secret) == TOKEN


def test_a_missing_secret_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("AYNI_TOKEN_SECRET")

    with pytest.raises(ValidationError) as error:
        told(ListingsSettings)

    assert [one["loc"] for one in error.value.errors()] == [("token_secret",)]


def test_the_databases_password_may_be_a_setting_of_its_own(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AYNI_DATABASE_PASSWORD", PASSWORD)

    assert plain(told(ListingsSettings).database_url) == "postgresql://listings:p%40ss%2Fw%3Ard%25Zq8rT5nW2y@database:5432/ayni"


def test_a_password_takes_the_place_of_another() -> None:
    assert with_password("postgresql://a:b@c:5/d?x=y", "e f") == "postgresql://a:e%20f@c:5/d?x=y"
    assert with_password("postgresql://a@[::1]:5/d", "e") == "postgresql://a:e@[::1]:5/d"


def test_the_settings_of_a_part_may_be_given_as_secrets() -> None:
    found = PartSettings(database_url=SecretStr("postgresql://a@b/c"), database_password=SecretStr("d"), internal_token=SecretStr("e"))

    assert plain(found.database_url) == "postgresql://a:d@b/c"


@pytest.mark.parametrize(
    "sample", ["change-me-please-0123", "my-secret-token-1234567", "ChangeMe!ChangeMe!", "the-EXAMPLE-of-a-token", "password1234567890"]
)
def test_the_secret_of_an_example_is_refused_by_name_and_not_shown(environment: pytest.MonkeyPatch, sample: str) -> None:
    environment.setenv("AYNI_INTERNAL_TOKEN", sample)

    with pytest.raises(SampleSecretError, match="internal_token") as error:
        told(ListingsSettings)

    assert sample not in str(error.value)


@pytest.mark.parametrize("guessable", ["short", "kX2vQ9_hT4mZ7bLw1RpN", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abababababababababab", " "])
def test_a_secret_that_can_be_guessed_is_refused(environment: pytest.MonkeyPatch, guessable: str) -> None:
    environment.setenv("AYNI_TOKEN_SECRET", guessable)

    with pytest.raises(SampleSecretError, match="token_secret"):
        told(ListingsSettings)


@pytest.mark.parametrize(
    "url", ["postgresql://listings:postgres@database/ayni", "postgresql://listings:changeme1234567890ab@database/ayni"]
)
def test_a_password_inside_a_dsn_is_looked_at_too(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("AYNI_DATABASE_URL", url)

    with pytest.raises(SampleSecretError, match="database_url"):
        told(ListingsSettings)


def test_a_mail_servers_password_is_not_ours_to_choose(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AYNI_LINK_SECRET", TOKEN)
    environment.setenv("AYNI_SMTP_URL", "smtps://ayni:corta1@mail.example.pe:465")

    assert told(NotificationsSettings).smtp_url is not None


def test_addresses_are_separated_by_commas(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AYNI_LISTINGS_URL", "http://listings:8000")
    environment.setenv("AYNI_MATCHING_URL", "http://matching-1:8000, http://matching-2:8000")
    environment.setenv("AYNI_NOTIFICATIONS_URL", "http://notifications:8000")

    assert told(PartsCallSettings).matching_url == ("http://matching-1:8000", "http://matching-2:8000")


@pytest.mark.parametrize("nonsense", ["", " , ", "listings:8000", "http://a,ftp://b"])
def test_what_is_no_address_is_refused(environment: pytest.MonkeyPatch, nonsense: str) -> None:
    environment.setenv("AYNI_LISTINGS_URL", nonsense)
    environment.setenv("AYNI_MATCHING_URL", "http://matching:8000")
    environment.setenv("AYNI_NOTIFICATIONS_URL", "http://notifications:8000")

    with pytest.raises(ValidationError, match="listings_url"):
        told(PartsCallSettings)


def test_the_makers_dsn_has_its_password(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AYNI_ADMIN_DATABASE_URL", "postgresql://postgres@database/ayni")
    environment.setenv("AYNI_ADMIN_DATABASE_PASSWORD", TOKEN)
    for role in ("OWNER", "LISTINGS", "MATCHING", "NOTIFICATIONS"):
        environment.setenv(f"AYNI_{role}_PASSWORD", OTHER)

    assert told(PreparingSettings).admin_dsn() == f"postgresql://postgres:{TOKEN}@database/ayni"


def test_a_process_does_not_stop_before_its_callers_idle_connections_are_gone() -> None:
    assert DoorSettings().notice_seconds > IDLE_SECONDS
