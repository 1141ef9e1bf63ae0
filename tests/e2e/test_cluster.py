"""The distributed system through its gateway: each part a process, Kafka between them, two owners of the market."""

from __future__ import annotations

import shutil
import signal
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.e2e.clustered import Cluster, alive
from tests.e2e.people import Member, join, offer_body
from tests.e2e.running import until

LOAD_PER_SECOND = 8


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
