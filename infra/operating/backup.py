"""One file that holds an exchange: a header, its secrets, its database as a script. A zip, so that anybody can look into it.

Load-bearing: the header comes first and says which release wrote it, schema by schema, so that a file is refused before anything is
touched. The file is as secret as the exchange: it can sign people in.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

FORMAT = 1
HEADER, SECRETS, SCRIPT = "ayni-backup.json", "secrets.json", "database.sql"


class BackupError(RuntimeError):
    """The file cannot be written, or is no backup that this release can read. The message says what to do."""


class Header(BaseModel):
    """revisions: by schema; counts: what is in it, for people."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int
    release: str
    made_at: AwareDatetime
    postgresql: str
    revisions: Mapping[str, str]
    counts: Mapping[str, int]

    @property
    def content(self) -> list[tuple[int, str]]:
        """How many of each thing."""
        return [(count, things.removesuffix("s")) for things, count in self.counts.items()]


def this_release() -> str:
    """The release that runs."""
    return version("ayni")


def write_backup(path: Path, header: Header, secrets: Mapping[str, Any], write_script: Callable[[IO[bytes]], None]) -> None:
    """Whole or not there, and for one reader. Raises BackupError where the file exists or its folder does not; what the script raises."""
    if path.exists():
        raise BackupError(f"{path} exists: name another file")
    if not path.absolute().parent.is_dir():
        raise BackupError(f"{path.absolute().parent} is no folder: make it first")
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        with open(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            write_archive(file, header, secrets, write_script)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_archive(file: IO[bytes], header: Header, secrets: Mapping[str, Any], write_script: Callable[[IO[bytes]], None]) -> None:
    """The file's content."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr(HEADER, header.model_dump_json(indent=2))
        archive.writestr(SECRETS, json.dumps(secrets, indent=2))
        with archive.open(SCRIPT, "w", force_zip64=True) as script:
            write_script(script)


class Backup:
    """An open file, its header read."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, header: Header) -> None:
        """Made by `opened`."""
        self.path, self.header, self._archive = path, header, archive

    def secrets(self) -> dict[str, Any]:
        """As the exchange kept them."""
        found: dict[str, Any] = json.loads(self._archive.read(SECRETS))
        return found

    def verify(self) -> None:
        """Reads all of it. Raises BackupError where it was damaged."""
        try:
            damaged = self._archive.testzip()
        except (zipfile.BadZipFile, zlib.error, EOFError):
            damaged = SCRIPT
        if damaged is not None:
            raise BackupError(f"{self.path} is damaged (in {damaged}): restore another backup")

    def script(self) -> IO[bytes]:
        """The database, to be read and closed."""
        return self._archive.open(SCRIPT)


@contextmanager
def opened(path: Path) -> Iterator[Backup]:
    """Raises BackupError where it is no backup, or one of a newer format."""
    try:
        with zipfile.ZipFile(path) as archive:
            header = Header.model_validate_json(archive.read(HEADER))
            if header.format > FORMAT:
                raise BackupError(f"{path} was made by a newer release (ayni {header.release}): restore it with that one")
            yield Backup(path, archive, header)
    except FileNotFoundError:
        raise BackupError(f"{path} is not there") from None
    except (zipfile.BadZipFile, KeyError, ValidationError) as error:
        raise BackupError(f"{path} is no backup of an exchange, or was cut short") from error
