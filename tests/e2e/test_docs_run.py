"""What the README and the pages for users tell people to paste does what they say.

The shell blocks of a page are run as one script, in order, against the exchange of the suite (`API`). The comments `# => pattern` behind a
command must be found in what was printed since those before.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/firm.md", "docs/cooperative.md", "docs/recycler.md", "docs/spreadsheets.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXPECTED = re.compile(r"(?:^# => .*\n?)+", re.MULTILINE)
MARK = "=== said until here ==="


def script_of(page: str) -> tuple[str, list[list[str]]]:
    """The page's shell blocks as one script that says where expectations stand, and the expectations of each place."""
    text = "\n".join(BLOCK.findall((ROOT / page).read_text("utf-8")))
    places = [[line.removeprefix("# => ") for line in found.splitlines()] for found in EXPECTED.findall(text)]
    return "set -eu\n" + EXPECTED.sub(f"printf '\\\\n{MARK}\\\\n'\n", text), places


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_tells_people_to_paste_does_what_it_says(page: str, http: httpx.Client, tmp_path: Path) -> None:
    script, expected = script_of(page)
    assert expected, "a page that expects nothing proves nothing"
    environment = {"API": str(http.base_url).rstrip("/"), "TMPDIR": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    said = done.stdout.split(MARK)
    for patterns, part in zip(expected, said, strict=False):
        for pattern in patterns:
            assert re.search(pattern, part), f"{pattern!r} is not in: {part[-1500:]}"


def test_every_page_that_a_page_names_is_there() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name} names {link}"
