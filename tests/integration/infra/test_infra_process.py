"""Processes that end with the one that started them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.embedded.process import until, works_in

CHILD = """
import signal
from infra.embedded.process import end_with_parent
end_with_parent(signal.SIGTERM)
print("ready", flush=True)
signal.pause()
"""
PARENT = """
import subprocess, sys, signal
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], cwd=sys.argv[2], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
async def test_a_process_that_asked_for_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent, child = start_family(tmp_path)
    assert works_in(child, tmp_path)

    parent.kill()
    parent.wait()

    assert await until(lambda: not works_in(child, tmp_path), 60)


def start_family(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A process, and the pid of the one that it started in the folder."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(folder)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout as said:
        return parent, int(said.readline())
