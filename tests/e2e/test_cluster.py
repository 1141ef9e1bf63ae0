"""The distributed system through its gateway: each part a process, Kafka between them, two owners of the market."""

from __future__ import annotations

import asyncio
import shutil
import signal
import stat
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from threading import Event

import asyncpg
import httpx
import psutil
import pytest

from infra.embedded.postgres import free_port
from tests.chaos.market import unrelated
from tests.e2e.clustered import Cluster, alive
from tests.e2e.people import COTTON, Member, join, offer_body
from tests.e2e.running import COMMAND
from tests.patience import PATIENCE_SECONDS, until

LOAD_PER_SECOND = 8
PAIRS_PER_SECOND = 2.5  # 140 of them must last until an owner has joined and another has been replaced


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ayni-cluster-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[Cluster]:
    found = Cluster(folder)
    yield found
    if found.process is not None and found.process.poll() is None:
        found.stop()


@pytest.fixture(scope="module")
def http(cluster: Cluster) -> Iterator[httpx.Client]:
    with cluster.start() as client:
        yield client


def test_it_says_where_everything_is(cluster: Cluster, http: httpx.Client) -> None:
    told = cluster.running

    assert told["mode"] == "distributed"
    assert told["gateway"] == str(http.base_url).rstrip("/")
    assert told["meilisearch"] is None
    names = {one["name"]: one for one in told["processes"]}
    assert names.keys() == {"gateway", "listings", "matching-1", "matching-2", "notifications", "postgresql", "kafka-1"}
    assert told["kafka"] == f"127.0.0.1:{names['kafka-1']['port']}"
    assert f":{names['postgresql']['port']}/" in told["database"]
    assert len({one["pid"] for one in names.values()}) == len(names)
    assert stat.S_IMODE((cluster.var / "running.json").stat().st_mode) == 0o600


def test_a_match_is_found_told_and_agreed_over_processes_and_a_broker(http: httpx.Client) -> None:
    holder, seeker = join(http), join(http, "cooperative", -12.2, -76.95)
    offer, want = holder.offer(), seeker.want()
    path = f"/v1/matches/{offer['id']}.{want['id']}"
    match = until(lambda: next(iter(seeker.get("/v1/matches", want=want["id"])["items"]), None), "the match")
    assert match["score"] > 0.5
    until(lambda: "match.proposed" in [one["kind"] for one in holder.get("/v1/notices")["items"]], "the notice")
    seeker.post(f"{path}/accept", {"quantity_kg": "700"})
    assert holder.post(f"{path}/accept")["state"] == "agreed"
    assert float(holder.get(f"/v1/offers/{offer['id']}")["available"]["amount"]) == 1300


def load(member: Member, is_over: Event, answers: Counter[str]) -> None:
    """Writes without a key, reads of every part, in turn; what fails is written down."""
    turn = 0
    while not is_over.wait(1 / LOAD_PER_SECOND):
        turn += 1
        try:
            if turn % 3 == 0:
                answer = member.call("POST", "/v1/offers", json=offer_body(publish=False))
            else:
                answer = member.call("GET", "/v1/offers" if turn % 3 == 1 else "/v1/notices", params={"limit": 1})
            answers[str(answer.status_code) if answer.is_success else f"{answer.status_code} {answer.text[:200]}"] += 1
        except httpx.HTTPError as error:
            answers[repr(error)] += 1


@pytest.mark.parametrize("name", ["listings", "notifications", "matching-2", "gateway"])
def test_a_part_that_is_asked_to_stop_in_the_middle_of_a_load_is_replaced_and_nobody_sees_it(
    cluster: Cluster, http: httpx.Client, name: str
) -> None:
    member, is_over, answers = join(http), Event(), Counter[str]()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(load, member, is_over, answers)
        try:
            until(lambda: answers.total() > 3, "a load")
            cluster.until_replaced(name, cluster.tell(name, signal.SIGTERM))
            before = answers.total()
            until(lambda: answers.total() > before + 6, "a load behind it")
        finally:
            is_over.set()

    assert answers.keys() <= {"200", "201"}


@contextmanager
def an_owner_more(cluster: Cluster, folder: Path) -> Iterator[str]:
    """Where it answers. It is told what the first owner is, but for what docs/operating.md says is its own."""
    port = free_port()
    own = {"AYNI_PORT": str(port), "AYNI_ADDRESS": f"http://127.0.0.1:{port}", "AYNI_KAFKA_INSTANCE": "matching-by-hand"}
    told = {name: value for name, value in psutil.Process(cluster.pids()["matching-1"]).environ().items() if name != "NOTIFY_SOCKET"}
    with (folder / "by-hand.log").open("ab") as log:
        owner = subprocess.Popen([COMMAND, "serve", "matching", "--end-with-parent"], env=told | own, stdout=log, stderr=log)
    try:
        yield own["AYNI_ADDRESS"]
    finally:
        owner.terminate()
        owner.wait(PATIENCE_SECONDS)


def owns(cluster: Cluster, address: str) -> int:
    """How many partitions are somebody's, and ready."""

    async def count() -> int:
        connection = await asyncpg.connect(cluster.running["database"])
        try:
            query = "select count(*) from matching.partition_owner where address = $1 and is_ready"
            return int(await connection.fetchval(query, address))
        finally:
            await connection.close()

    return asyncio.run(count())


def publish_pairs(holder: Member, seeker: Member, codes: list[str], is_over: Event, pairs: list[str]) -> None:
    """A want and the offer that fits it, of one material after the other."""
    for number, code in enumerate(cycle(codes)):
        if is_over.wait(1 / PAIRS_PER_SECOND) or number >= 5 * len(codes):  # who comes sixth among equals is not told
            return
        want, offer = seeker.want(accepts=[{"material": code}]), holder.offer(material=code)
        pairs.append(f"{offer['id']}.{want['id']}")


def test_an_owner_that_joins_under_load_and_the_death_of_the_first_cost_no_match(
    cluster: Cluster, http: httpx.Client, folder: Path
) -> None:
    holder, seeker, is_over, pairs = join(http), join(http, "cooperative", -12.2, -76.95), Event(), list[str]()
    materials = unrelated(http.get("/v1/materials", params={"limit": 100}).json()["items"])
    codes = [code for code in materials if code != COTTON]  # of which others in this file offer and seek, too
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(publish_pairs, holder, seeker, codes, is_over, pairs)
        try:
            until(lambda: len(pairs) > 3, "a load")
            with an_owner_more(cluster, folder) as address:
                until(lambda: owns(cluster, address) > 0, "its share of the market")
                cluster.until_replaced("matching-1", cluster.tell("matching-1", signal.SIGKILL))
                before = len(pairs)
                until(lambda: len(pairs) > before + 6, "a load behind it")
        finally:
            is_over.set()
        loading.result()
    until(lambda: owns(cluster, address) == 0, "what it had, with the others")

    for member in (holder, seeker):
        until(lambda member=member: set(pairs) <= proposed(member).keys(), "every pair told")  # type: ignore[misc]
        assert {pair: times for pair, times in proposed(member).items() if times > 1} == {}


def proposed(member: Member) -> Counter[str]:
    """How many times a member was told of each pair."""
    return Counter(event["subject"] for event in member.feed() if event["type"] == "pe.ayni.match.proposed.v1")


@pytest.mark.parametrize("name", ["listings", "matching-1", "postgresql", "kafka-1"])
def test_what_is_killed_comes_back_where_it_was(cluster: Cluster, http: httpx.Client, name: str) -> None:
    before = next(one for one in cluster.running["processes"] if one["name"] == name)

    cluster.until_replaced(name, cluster.tell(name, signal.SIGKILL))

    after = next(one for one in cluster.running["processes"] if one["name"] == name)
    assert after["port"] == before["port"]
    until(lambda: http.get("/readyz").status_code == 200, "readiness")


def test_after_all_that_matches_are_found(http: httpx.Client) -> None:
    holder, seeker = join(http), join(http, "cooperative", -12.2, -76.95)
    offer, want = holder.offer(), seeker.want()

    def found() -> bool:
        answer = seeker.call("GET", "/v1/matches", params={"want": want["id"]})
        return answer.status_code == 200 and offer["id"] in answer.text

    until(found, "the match")


def test_it_stops_with_everything_and_takes_its_word_back(cluster: Cluster, http: httpx.Client) -> None:
    pids = cluster.pids()

    assert cluster.stop() == 0
    assert alive(pids) == []
    assert not (cluster.var / "running.json").exists()


def test_what_a_killed_supervisor_leaves_behind_ends_and_hinders_nobody(folder: Path) -> None:
    cluster = Cluster(folder / "second", brokers=0, owners=1)
    cluster.folder.mkdir(mode=0o755)
    with cluster.start() as http:
        member = join(http)
        pids = cluster.pids()
        cluster.kill()
    with cluster.start() as http:
        member.http = http
        assert member.get("/v1/me")["organisation"]["id"] == member.id
        until(lambda: alive(pids) == [], "the end of those of the killed one")
        assert cluster.stop(signal.SIGTERM) == 0
