"""The database of an exchange as one SQL script, and back: PostgreSQL's own `pg_dump` and `psql`, from the wheel.

Load-bearing: `commit` is the last thing that psql is told, after the whole script has been read and its checksum was right. Whatever is cut
off before that, we included, leaves the database as it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

from infra.embedded.binaries import client_programs

BLOCK_BYTES = 1 << 20
LAST_LINES = 5
QUIET = "-c client_min_messages=warning"
DISK_FULL = "No space left on device"


class DumpError(RuntimeError):
    """PostgreSQL's program refused; the message is its own."""


def dump(dsn: str, schemas: Sequence[str], into: IO[bytes]) -> None:
    """All of the schemas as they are at one moment, with the extensions that they use. Raises DumpError, OSError."""
    options = ["--no-tablespaces", "--extension=*", *(f"--schema={schema}" for schema in schemas)]
    with tempfile.TemporaryFile() as complaints:
        process = _begin("pg_dump", options, dsn, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, complaints=complaints)
        try:
            assert process.stdout is not None
            shutil.copyfileobj(process.stdout, into, BLOCK_BYTES)
        finally:
            _end(process)
        _check(process, complaints)


def load(dsn: str, schemas: Sequence[str], script: IO[bytes]) -> None:
    """In the place of what the schemas hold, whole or not at all. Raises DumpError, and whatever reading the script raises."""
    with tempfile.TemporaryFile() as complaints:
        options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]
        process = _begin("psql", options, dsn, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, complaints=complaints)
        try:
            assert process.stdin is not None
            with process.stdin as told:
                told.write("".join(["begin;\n", *(f'drop schema if exists "{schema}" cascade;\n' for schema in schemas)]).encode())
                shutil.copyfileobj(script, told, BLOCK_BYTES)
                told.write(b"\ncommit;\n")
        except BrokenPipeError:
            pass  # it has said why
        finally:
            _end(process)
        _check(process, complaints)


def _begin(program: str, options: Sequence[str], dsn: str, *, stdin: int, stdout: int, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    """The password travels in the environment: what is typed is seen by everybody on the machine."""
    server = urlsplit(dsn)
    password = {} if server.password is None else {"PGPASSWORD": unquote(server.password)}
    role, address = server.username or "", server.netloc.rpartition("@")[2]
    plain = urlunsplit(server._replace(netloc=f"{role}@{address}" if role else address))
    return subprocess.Popen(  # noqa: S603 - our own binaries
        [client_programs() / program, f"--dbname={plain}", "--no-password", *options],
        stdin=stdin,
        stdout=stdout,
        stderr=complaints,
        env={
            "LC_ALL": "C.UTF-8",
            "PATH": os.defpath,
            "PGCLIENTENCODING": "UTF8",
            "PGAPPNAME": "ayni-operator",
            "PGOPTIONS": QUIET,
            **password,
        },
        cwd=Path("/"),
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """It has nothing more to read or write; one that still works is of no use."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not pipe.closed:
            pipe.close()
    process.wait()


def _check(process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
    if process.returncode == 0:
        return
    complaints.seek(0)
    said = complaints.read().decode(errors="replace").strip().splitlines()
    cause = "the disk is full: " if any(DISK_FULL in line for line in said) else ""
    raise DumpError(cause + " / ".join(said[-LAST_LINES:] or [f"it ended with code {process.returncode}"]))
