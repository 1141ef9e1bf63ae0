"""The exchange around its parts, as a real process: started, stopped, refused, killed, started again."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from exchange_process import ExchangeProcess

from infra.embedded.process import until, works_in
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
async def tiny(server_folder: Path) -> AsyncIterator[ExchangeProcess]:
    exchange = ExchangeProcess(server_folder / "var")
    yield exchange
    exchange.kill()
    assert await until(lambda: not has_server(exchange.var), PATIENCE_SECONDS), "its server outlived it"


def has_server(var: Path) -> bool:
    try:
        pid = int((var / "postgresql/data/postmaster.pid").read_text().splitlines()[0])
    except FileNotFoundError:
        return False
    return works_in(pid, var / "postgresql/data")


async def test_a_ready_exchange_says_where_it_is_to_people_and_to_programs(tiny: ExchangeProcess) -> None:
    told = await tiny.open()
    code, said, complained = tiny.end()

    port = int(told["gateway"].rpartition(":")[2])
    assert tiny.process is not None
    assert told == {
        "mode": "embedded",
        "gateway": f"http://127.0.0.1:{port}",
        "database": told["database"],
        "kafka": None,
        "meilisearch": None,
        "processes": [
            {"name": "door", "pid": tiny.process.pid, "port": port},
            {"name": "counter", "pid": tiny.process.pid, "port": None},
            {"name": "postgresql", "pid": told["processes"][2]["pid"], "port": int(told["database"].rpartition(":")[2].split("/")[0])},
        ],
    }
    assert f"{told['gateway']}/docs" in said
    assert "0.875  Retazos de algodón" in said
    assert (code, complained) == (0, "")


async def test_running_json_is_for_its_owner_alone_and_gone_when_it_has_stopped(tiny: ExchangeProcess) -> None:
    await tiny.open()
    assert tiny.running_mode() == 0o600

    tiny.end()

    assert not tiny.running_path.exists()


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM])
async def test_it_stops_with_a_live_stream_open(tiny: ExchangeProcess, order: signal.Signals) -> None:
    gateway = (await tiny.open())["gateway"]
    async with httpx.AsyncClient(base_url=gateway) as client, client.stream("GET", "/stream") as answer:
        await anext(answer.aiter_bytes())

        code, _, _ = tiny.end(order)

    assert code == 0
    assert not has_server(tiny.var)


async def test_it_stops_though_a_part_does_not(tiny: ExchangeProcess) -> None:
    tiny.environment["TINY_STUBBORN"] = "yes"
    await tiny.open()

    code, _, complained = tiny.end()

    assert code == 0
    assert "a part took too long to stop" in complained
    assert not has_server(tiny.var)


async def test_it_stops_while_it_starts(tiny: ExchangeProcess) -> None:
    process = tiny.begin()
    assert await until((tiny.var / "postgresql/postgresql.log").exists, PATIENCE_SECONDS)

    code, _, complained = tiny.end()

    assert (code, complained) == (0, "")
    assert process.returncode == 0
    assert not has_server(tiny.var)


async def test_a_second_run_finds_its_data_again(tiny: ExchangeProcess) -> None:
    await count((await tiny.open())["gateway"], 3)
    tiny.end()

    again = (await tiny.open())["gateway"]

    assert await counted(again) == 3


async def test_a_killed_exchange_loses_nothing_acknowledged_and_leaves_nothing_that_hinders(tiny: ExchangeProcess) -> None:
    told = await tiny.open()
    tiny.port = int(told["gateway"].rpartition(":")[2])
    await count(told["gateway"], 5)
    tiny.kill()
    assert tiny.running_path.exists()

    again = await tiny.open()

    assert again["gateway"] == told["gateway"]
    assert again["processes"][2]["pid"] != told["processes"][2]["pid"]
    assert await counted(again["gateway"]) == 5


async def test_a_taken_port_is_named_before_anything_starts(tiny: ExchangeProcess) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        tiny.port = listener.getsockname()[1]

        _, complained = tiny.begin().communicate(timeout=PATIENCE_SECONDS)

    assert tiny.process is not None
    assert tiny.process.returncode == 2
    assert f"port {tiny.port} is taken" in complained
    assert "make run PORT=" in complained
    assert not tiny.var.exists()


async def test_two_exchanges_never_share_a_folder(tiny: ExchangeProcess) -> None:
    await tiny.open()
    second = ExchangeProcess(tiny.var)

    process = second.begin()
    _, complained = process.communicate(timeout=PATIENCE_SECONDS)

    assert tiny.process is not None
    assert process.returncode == 2
    assert f"{tiny.var} is in use by process {tiny.process.pid}" in complained
    assert tiny.running_path.exists()


async def test_it_ends_with_an_error_when_its_database_does(tiny: ExchangeProcess) -> None:
    server = (await tiny.open())["processes"][2]["pid"]

    os.kill(server, signal.SIGQUIT)

    assert tiny.process is not None
    _, complained = tiny.process.communicate(timeout=PATIENCE_SECONDS)
    assert tiny.process.returncode == 1
    assert "PostgreSQL has ended by itself" in complained
    assert not tiny.running_path.exists()


async def test_the_sample_is_loaded_into_a_new_database_only(tiny: ExchangeProcess) -> None:
    tiny.environment["TINY_SAMPLE"] = "load"
    gateway = (await tiny.open())["gateway"]
    assert await counted(gateway) == 3
    await count(gateway, 1)
    tiny.end()

    again = (await tiny.open())["gateway"]

    assert await counted(again) == 4


async def test_a_sample_that_was_cut_short_is_completed_by_the_next_start(tiny: ExchangeProcess) -> None:
    tiny.environment["TINY_SAMPLE"] = "die"
    process = tiny.begin()
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == -signal.SIGKILL

    tiny.environment["TINY_SAMPLE"] = "load"
    gateway = (await tiny.open())["gateway"]

    assert await counted(gateway) == 3


async def test_a_given_database_is_used_and_no_server_is_started(tiny: ExchangeProcess, empty_database: str) -> None:
    tiny.environment["DATABASE_URL"] = empty_database

    told = await tiny.open()

    assert told["database"] == empty_database
    assert [process["name"] for process in told["processes"]] == ["door", "counter"]
    assert not (tiny.var / "postgresql").exists()
    tiny.end()


@pytest.mark.parametrize("dsn", ["postgresql://nobody:x@127.0.0.1:1/nothing", "nonsense"])
async def test_a_given_database_that_does_not_answer_is_said_so(tiny: ExchangeProcess, dsn: str) -> None:
    tiny.environment["DATABASE_URL"] = dsn

    _, complained = tiny.begin().communicate(timeout=PATIENCE_SECONDS)

    assert tiny.process is not None
    assert tiny.process.returncode == 1
    assert complained.startswith("ayni: the database of DATABASE_URL does not answer: ")
    assert complained.count("\n") == 1


async def test_a_given_role_that_may_make_no_roles_is_said_so(tiny: ExchangeProcess, empty_database: str) -> None:
    admin = await asyncpg.connect(empty_database)
    await admin.execute("drop role if exists humble")
    await admin.execute("create role humble login password 'humble'")
    await admin.close()
    tiny.environment["DATABASE_URL"] = f"postgresql://humble:humble@{empty_database.rpartition('@')[2]}"

    _, complained = tiny.begin().communicate(timeout=PATIENCE_SECONDS)

    assert complained == "ayni: the role of DATABASE_URL may not create roles: name one that may\n"


async def count(gateway: str, times: int) -> None:
    async with httpx.AsyncClient(base_url=gateway) as client:
        for _ in range(times):
            (await client.post("/count")).raise_for_status()


async def counted(gateway: str) -> int:
    async with httpx.AsyncClient(base_url=gateway) as client:
        return int((await client.get("/count")).json())
