"""docs/operating.md, pasted by an operator: each command does what the page says, to an exchange that runs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.e2e.running import COMMAND, Exchange
from tests.e2e.test_docs_run import MARK, script_of


def test_what_the_operators_page_tells_to_paste_does_what_it_says(mortal: Exchange, server_folder: Path) -> None:
    script, expected = script_of("docs/operating.md")
    environment = {"VAR": str(mortal.folder / "var"), "TMPDIR": str(server_folder), "PATH": f"{COMMAND.parent}:/usr/bin:/bin"}
    with mortal.start():
        done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, env=environment, timeout=600, check=False)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert len(expected) > 5
    for patterns, part in zip(expected, done.stdout.split(MARK), strict=False):
        for pattern in patterns:
            assert re.search(pattern, part, re.MULTILINE), f"{pattern!r} is not in: {part[-1500:]}"
