"""The servers of the cluster, kept running: one that has ended comes back over its data, however often that fails."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import asyncpg

from infra.distributed.servers import Servers
from infra.embedded.folder import POSTGRES
from kit.running import running
from tests.patience import PATIENCE_SECONDS


class Heard:
    """What the keeper says, and when a server is back."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.is_back, self.has_failed = asyncio.Event(), asyncio.Event()

    def say(self, line: str) -> None:
        self.lines.append(line)
        if "cannot be started" in line:
            self.has_failed.set()


async def test_a_database_that_cannot_be_started_again_at_first_is_tried_until_it_runs(server_folder: Path) -> None:
    servers, heard = Servers(server_folder, brokers=0), Heard()
    await servers.start()
    release = server_folder / POSTGRES / "data" / "PG_VERSION"
    ours = release.read_text()
    (postgres,) = servers.processes()
    try:
        async with running(servers.keep(heard.say, heard.is_back.set)), asyncio.timeout(PATIENCE_SECONDS):
            release.write_text("15\n")  # which this release refuses
            os.kill(postgres.pid, signal.SIGKILL)
            await heard.has_failed.wait()
            release.write_text(ours)
            await heard.is_back.wait()
            connection = await asyncpg.connect(servers.dsn)
            assert await connection.fetchval("select current_setting('port')::int") == postgres.port
            await connection.close()
    finally:
        await servers.stop()

    assert len(heard.lines) == 2, "a cause is said once, however often it is tried"
    assert heard.lines[0].startswith("PostgreSQL has ended by itself")
    assert heard.lines[0].endswith("; starting it again")
    assert heard.lines[1].startswith("PostgreSQL cannot be started again yet: ")
    assert "was written by PostgreSQL 15" in heard.lines[1]
