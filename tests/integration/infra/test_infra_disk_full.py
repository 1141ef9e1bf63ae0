"""A disk that is full, without one: the next files of the write-ahead log lead to /dev/full, where every write finds no room."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from exchange_process import ExchangeProcess

from infra.commands.excuses import excused
from infra.embedded.postgres import EmbeddedPostgresError, Postgres
from infra.embedded.process import until

SEGMENTS = 4  # the next ones: the server makes them ahead
SEGMENT_BYTES = 1 << 24


@pytest.fixture
async def tiny(server_folder: Path) -> AsyncIterator[ExchangeProcess]:
    exchange = ExchangeProcess(server_folder / "var")
    yield exchange
    exchange.kill()


async def fill(data: Path, dsn: str) -> list[Path]:
    """From the next segment on there is no room. The links, to be removed by who makes room."""
    connection = await asyncpg.connect(dsn)
    now = int(await connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")) // SEGMENT_BYTES
    await connection.close()
    names = [f"00000001{number >> 8:08X}{number & 0xFF:08X}" for number in range(now + 1, now + 1 + SEGMENTS)]
    links = [data / "pg_wal" / name for name in names]
    for link in links:
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/full")
    return links


async def write_until_it_fails(dsn: str) -> None:
    """Into the next segment."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("select pg_switch_wal()")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.execute("create table more as select generate_series(1, 1000)")


async def complaint(server: Postgres) -> str:
    """What whoever watches the server is told."""
    said: list[str] = []

    def has_complained() -> bool:
        try:
            server.check()
        except EmbeddedPostgresError as error:
            said.append(str(error))
        return bool(said)

    assert await until(has_complained, 60)
    return said[0]


async def test_a_server_without_room_says_so_and_finds_all_that_it_acknowledged_once_there_is_some(server_folder: Path) -> None:
    server = Postgres(server_folder / "postgresql")
    dsn = await server.start()
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table kept as select 7 as number")
    await connection.close()
    links = await fill(server.directory / "data", dsn)

    await write_until_it_fails(dsn)
    assert "cannot go on: the disk is full; make room on it and start again" in await complaint(server)
    await server.stop()
    with pytest.raises(EmbeddedPostgresError, match="the disk is full; make room on it and start again"):
        await server.start()
    for link in links:
        link.unlink()

    connection = await asyncpg.connect(await server.start())
    assert await connection.fetchval("select number from kept") == 7
    await connection.close()
    await server.stop()


async def test_an_exchange_whose_disk_is_full_ends_and_says_what_to_do(tiny: ExchangeProcess) -> None:
    told = await tiny.open()
    await fill(tiny.var / "postgresql" / "data", told["database"])
    assert tiny.process is not None

    await write_until_it_fails(told["database"])
    _, complained = tiny.process.communicate(timeout=60)

    assert tiny.process.returncode == 1
    assert "ayni: PostgreSQL cannot go on: the disk is full; make room on it and start again" in complained
    assert not tiny.running_path.exists()


def test_a_file_of_ours_for_which_there_is_no_room_is_one_line_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert excused(lambda: write_to_a_full_disk()) == 1

    assert capsys.readouterr().err == "ayni: the disk is full: make room on it and try again; what was acknowledged is kept\n"


def write_to_a_full_disk() -> None:
    with pytest.raises(OSError, match="No space") as refused:
        Path("/dev/full").write_text("x")
    assert refused.value.errno == errno.ENOSPC
    raise refused.value
