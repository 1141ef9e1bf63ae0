"""A backup as a file: whole or not there, refused before anything is touched where this release cannot read it."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

from infra.operating.backup import FORMAT, BackupError, Header, opened, write_archive, write_backup
from infra.operating.copying import SCHEMAS, check_revisions
from infra.operating.dump import DumpError

HEADER = Header(
    format=FORMAT,
    release="0.1.0",
    made_at=datetime(2026, 11, 24, tzinfo=UTC),
    postgresql="18.6",
    revisions=dict.fromkeys(SCHEMAS, "0001"),
    counts={"offers": 3},
)
SECRETS = {"token_secret": "t" * 48}


def script(file: IO[bytes]) -> None:
    file.write(b"select 1;\n" * 1000)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    write_backup(tmp_path / "backup.zip", HEADER, SECRETS, script)
    return tmp_path / "backup.zip"


def test_what_was_written_is_read(backup: Path) -> None:
    with opened(backup) as found:
        found.verify()
        with found.script() as said:
            assert (found.header, found.secrets(), said.read()) == (HEADER, SECRETS, b"select 1;\n" * 1000)


def test_a_dump_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def fail(file: IO[bytes]) -> None:
        script(file)
        raise DumpError("gone")

    with pytest.raises(DumpError):
        write_backup(tmp_path / "backup.zip", HEADER, SECRETS, fail)

    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_an_error_and_no_half_backup() -> None:
    with Path("/dev/full").open("r+b", buffering=0) as full, pytest.raises(OSError, match="No space left on device"):
        write_archive(full, HEADER, SECRETS, script)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"select 1;"])
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)

    with pytest.raises(BackupError, match="is no backup of an exchange, or was cut short"), opened(tmp_path / "other"):
        pass


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("letter.txt", "hello")

    with pytest.raises(BackupError, match="is no backup"), opened(tmp_path / "other.zip"):
        pass


def test_a_backup_that_was_cut_short_is_refused(backup: Path) -> None:
    backup.write_bytes(backup.read_bytes()[:-100])

    with pytest.raises(BackupError, match="was cut short"), opened(backup):
        pass


def test_a_backup_of_a_newer_format_is_refused_naming_its_release(tmp_path: Path) -> None:
    newer = json.loads(HEADER.model_dump_json()) | {"format": FORMAT + 1, "release": "9.0", "more": 1}
    with zipfile.ZipFile(tmp_path / "newer.zip", "w") as archive:
        archive.writestr("ayni-backup.json", json.dumps(newer))

    with pytest.raises(BackupError, match=r"made by a newer release \(ayni 9\.0\)"), opened(tmp_path / "newer.zip"):
        pass


@pytest.mark.parametrize("revisions", [{"listings": "9999"}, {"invoices": "0001"}])
def test_a_backup_of_a_schema_that_is_not_known_is_refused(revisions: dict[str, str]) -> None:
    with pytest.raises(BackupError, match="made by a newer release, restore it with that one or a newer one"):
        check_revisions(Path("backup.zip"), revisions)
