"""`ayni import` as somebody types it: the report, the exit code, and every way in which it cannot work."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from tests.e2e.commanded import Said, ayni
from tests.e2e.people import COTTON, Member

HEADER = "external_id,material,title,quantity_amount,quantity_unit,publish\n"
GOOD = f"{HEADER}A-1,{COTTON},Retazos,1.5,t,si\nA-2,{COTTON},Retazos,2,t,si\n"
HUNDRED_MEGABYTES = 100 * 10**6


@pytest.fixture
def key(holder: Member) -> str:
    return str(holder.post("/v1/api-keys", {"name": "hojas", "scopes": ["listings:write", "listings:read"]})["key"])


def typed(*words: str | Path, **environment: str) -> Said:
    return ayni("import", *words, environment=environment)


def written(folder: Path, content: str | bytes, name: str = "ofertas.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_good_file_is_imported_twice_with_one_effect(http: httpx.Client, holder: Member, key: str, tmp_path: Path) -> None:
    file, key_file = written(tmp_path, GOOD), written(tmp_path, f"{key}\n", "clave")
    trial = typed("offers", file, "--dry-run", "--url", str(http.base_url), AYNI_KEY=key)
    assert (trial.code, trial.out) == (0, "A dry run, nothing was written: 2 created, 0 updated, 0 rejected\n"), trial.err
    assert "ofertas.csv: 3 lines, 0.0 of 0.0 MB sent, the exchange is at work" in trial.err
    first = typed("offers", file, AYNI_KEY=key, AYNI_URL=str(http.base_url))
    assert (first.code, first.out) == (0, "2 created, 0 updated, 0 rejected\n"), first.err
    again = typed("offers", file, "--key-file", key_file, "--url", str(http.base_url))
    assert (again.code, again.out) == (0, "0 created, 0 updated, 0 rejected\n"), again.err
    assert len(holder.get("/v1/offers")["items"]) == 2
    assert key not in trial.out + trial.err + first.out + first.err


def test_rejected_lines_are_a_table_and_exit_code_1(http: httpx.Client, key: str, tmp_path: Path) -> None:
    file = written(tmp_path, f"{GOOD}A-3,textile.coton,Retazos,mucho,t,si\n")
    done = typed("offers", file, "--url", str(http.base_url), AYNI_KEY=key)
    assert done.code == 1
    head, *rows, counts = done.out.splitlines()
    assert head.split() == ["line", "column", "what", "to", "change"]
    assert [row.split()[:2] for row in rows] == [["4", "quantity_amount"], ["4", "material"]]
    assert counts == "2 created, 0 updated, 1 rejected"
    assert done.err.splitlines()[-1].startswith("ayni: 1 line was rejected")


def test_what_is_no_spreadsheet_is_said_so(http: httpx.Client, key: str, tmp_path: Path) -> None:
    file = written(tmp_path, GOOD.replace("Retazos", "Retazos de algodón").encode("latin-1"))
    done = typed("offers", file, "--url", str(http.base_url), AYNI_KEY=key)
    assert (done.code, done.out) == (1, "")
    assert "does not take this file" in done.err.splitlines()[-1]
    assert "CSV UTF-8" in done.err.splitlines()[-1]


def test_a_file_of_100_megabytes_is_refused_by_the_exchange(http: httpx.Client, key: str, tmp_path: Path) -> None:
    file = written(tmp_path, HEADER)
    os.truncate(file, HUNDRED_MEGABYTES)
    done = typed("offers", file, "--url", str(http.base_url), AYNI_KEY=key)
    assert done.code == 1
    assert "too large: the body may have at most 10,485,760 bytes" in done.err.splitlines()[-1]


def test_a_key_that_is_unknown(http: httpx.Client, tmp_path: Path) -> None:
    done = typed("offers", written(tmp_path, GOOD), "--url", str(http.base_url), AYNI_KEY="ayni_nobody")
    assert (done.code, "does not know you" in done.err) == (1, True), done.err


def test_no_exchange_at_that_address(tmp_path: Path) -> None:
    done = typed("offers", written(tmp_path, GOOD), "--url", "http://127.0.0.1:9", AYNI_KEY="k")
    assert (done.code, "does the exchange run" in done.err) == (1, True), done.err
    assert "Traceback" not in done.err
