"""A parent to be killed: starts PostgreSQL over the folder it is given, writes a row, says which process the server is, and waits."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg

from infra.embedded.postgres import Postgres


async def main(folder: Path) -> None:
    server = Postgres(folder)
    connection = await asyncpg.connect(await server.start())
    await connection.execute("create table kept as select 'before the kill' as word")
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main(Path(sys.argv[1])))
