"""The published description, taken at its word by a stranger: schemathesis calls every operation of /openapi.json with what fits it and
with what does not. Nothing answers 5xx, nothing answers what it does not say, nothing takes what it says it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.e2e.people import join
from tests.e2e.running import Exchange
from tests.patience import until

COMMAND = Path(sys.executable).with_name("st")
SEED = "20261124"
EXAMPLES = "3"  # each operation besides has the tens of cases of the coverage phase
NOT_HELD = "positive_data_acceptance"  # no schema can say which tax ids, cursors and ids exist
ENDLESS = "/v1/stream"


def test_a_fuzzer_finds_no_5xx_and_nothing_that_is_not_described(mortal: Exchange) -> None:
    with mortal.start() as http:
        member = join(http, "cooperative")
        member.offer()
        member.want()
        bounds = ["--seed", SEED, "--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing", "--workers", "1", "--no-shrink"]
        what = ["--exclude-path", ENDLESS, "--exclude-checks", NOT_HELD, "--continue-on-failure", "--request-timeout", "20"]
        who = ["-H", f"Authorization: Bearer {member.token}"]
        run = subprocess.run(
            [COMMAND, "run", f"{http.base_url}/openapi.json", *who, *bounds, *what],
            cwd=mortal.folder,
            capture_output=True,
            text=True,
            timeout=800,
        )
        assert run.returncode == 0, run.stdout[-6000:]
        assert "Tested: " in run.stdout
        until(lambda: http.get("/readyz").status_code == 200, "readiness")
